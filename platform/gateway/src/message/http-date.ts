/** The date of answers (RFC 9110 section 5.6.7), written anew once a second. */

let writtenSecond = 0;
let written = '';

/** Now, such as `Sun, 06 Nov 1994 08:49:37 GMT`. */
export function httpDate(nowMs: number = Date.now()): string {
  const second = Math.floor(nowMs / 1_000);
  if (second !== writtenSecond) {
    writtenSecond = second;
    written = new Date(nowMs).toUTCString();
  }
  return written;
}
