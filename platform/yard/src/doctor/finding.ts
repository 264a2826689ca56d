/** One thing that `yard doctor` looked at: how it is, and what to do when it is not well. */

export interface Finding {
  /** What was looked at: `port 3010`, `disk`. */
  readonly about: string;
  /** `wrong` keeps the yard from working and makes the command fail; `note` does not. */
  readonly verdict: 'well' | 'note' | 'wrong';
  readonly message: string;
  /** What to do; wherever it is not well. */
  readonly advice?: string;
}

export const well = (about: string, message: string): Finding => ({ about, verdict: 'well', message });
export const note = (about: string, message: string, advice: string): Finding => ({
  about,
  verdict: 'note',
  message,
  advice,
});
export const wrong = (about: string, message: string, advice: string): Finding => ({
  about,
  verdict: 'wrong',
  message,
  advice,
});
