/** Which deployments answered one after the other in one place (a connection, a stream with its reconnects), and whether one came back that another had replaced. */

/** Shared by all places: whether going back is right just now, as it is while a swap is reverted, and how often that has ended. */
export interface OrderRule {
  mayGoBack: boolean;
  /** What was seen in an era before decides nothing in this one. */
  era: number;
}

export class DeploymentOrder {
  private readonly rule: OrderRule;
  private era = -1;
  private current: string | null = null;
  private readonly replaced = new Set<string>();

  constructor(rule: OrderRule) {
    this.rule = rule;
  }

  /** Takes note of an answer; the reason when it is from a deployment that had been replaced here. */
  answered(deployment: string): string | null {
    if (this.rule.mayGoBack || this.era !== this.rule.era) {
      this.era = this.rule.era;
      this.replaced.clear();
      this.current = deployment;
      return null;
    }
    if (deployment === this.current) return null;
    if (this.replaced.has(deployment)) return `${deployment} answered after ${this.current} had replaced it`;
    if (this.current !== null) this.replaced.add(this.current);
    this.current = deployment;
    return null;
  }
}
