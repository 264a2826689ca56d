/** What Feeds reads from its environment. */
import { serviceEnvironment } from '@switchyard/kit/config';
import { z } from 'zod';

export const environmentSchema = z.object({
  ...serviceEnvironment,
  DATABASE_URL: z.url({ protocol: /^postgres(?:ql)?$/ }).describe('Database of this service alone'),
});
export type FeedsEnvironment = z.infer<typeof environmentSchema>;
