/** The port by which Feeds asks which people stand behind handles. */
import type { Person } from '@switchyard/contracts/users';

export interface PeopleDirectory {
  /**
   * Those of `handles` that are people whom the viewer may see, in any order.
   *
   * @throws when there was no answer in time
   */
  resolve(viewerId: string, handles: readonly string[]): Promise<readonly Person[]>;
}
