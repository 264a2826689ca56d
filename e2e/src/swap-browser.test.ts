/** A page that is open while everything behind it is swapped: who looks at it notices nothing. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { chromiumPath, startBrowser, visitor } from './browser.ts';
import { OwnFront } from './own-front.ts';
import { befriend, somebody } from './people.ts';
import type { Somebody } from './people.ts';
import { YardUnderTest } from './yard-under-test.ts';

const skip = chromiumPath() === null ? 'no Chromium (apt-get install chromium, or set CHROMIUM)' : false;
const CHANGED = 'Where does the next train go?';
const DRAFT = 'A draft that nobody has sent yet';
/** Between two posts of the friend. */
const PACE_MS = 400;

let yard: YardUnderTest;
let front: OwnFront;
let browser: Browser;
before(async () => {
  if (skip !== false) return;
  yard = await YardUnderTest.create();
  front = await OwnFront.create(yard.folder);
  await yard.up();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await yard?.remove();
});

const box = (page: Page) => page.getByRole('textbox', { name: 'Write a post' });
const postWith = (page: Page, text: string) => page.getByRole('article').filter({ hasText: text });
const way = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true });
const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name });
const scriptOf = (page: Page) => page.locator('script[type="module"][src^="/assets/"]').getAttribute('src');

test('an open page lives through swaps of front, feeds and users', { skip, timeout: 240_000 }, async (t) => {
  const [ada, ben] = [await somebody(yard.origin, 'ada'), await somebody(yard.origin, 'ben')];
  await befriend(ada, ben);
  const { page, context, complaints } = await visitor(browser, yard.origin);
  const faults = watch(page);
  await page.addInitScript(collectAlerts);
  await signIn(page, ben);
  await box(page).fill(DRAFT);
  await page.evaluate(() => Object.assign(window, { isSamePage: true }));
  const scriptBefore = await scriptOf(page);

  // Whatever the friend writes while services are swapped appears by itself, and once.
  const written: string[] = [];
  const writer = new Writer(ada, written);
  try {
    await front.change(CHANGED);
    for (const services of [['front'], ['feeds'], ['users'], ['front', 'feeds', 'users']]) {
      const beforeSwap = written.length;
      const { code, stdout, stderr } = await yard.yard('swap', ...services, '--bake', '0s');
      assert.equal(code, 0, stdout + stderr);
      assert.ok(written.length > beforeSwap, 'nothing was written during the swap');
      const afterSwap = await writer.next();
      await postWith(page, afterSwap).waitFor();
      assert.equal(await box(page).inputValue(), DRAFT);
    }
  } finally {
    await writer.stop();
  }
  assert.deepEqual(writer.faults, []);
  for (const text of written) {
    await postWith(page, text).waitFor();
    assert.equal(await postWith(page, text).count(), 1, `${text} is shown more than once`);
  }
  t.diagnostic(`${written.length} posts arrived by themselves`);
  assert.equal(faults.join('\n'), '');

  // The page is the one that was opened first, and everything in it still works.
  for (const [name, title] of [
    ['Posts', 'Your posts'],
    ['Friends', 'Friends'],
    ['Profile', 'Profile'],
    ['Feed', 'Feed'],
  ] as const) {
    await way(page, name).click();
    await heading(page, title).waitFor();
  }
  assert.equal(await box(page).inputValue(), DRAFT);
  const liked = postWith(page, written.at(-1)!);
  await liked.getByRole('button', { name: 'Like' }).click();
  await liked.getByRole('button', { name: 'Like', pressed: true }).waitFor();
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await postWith(page, DRAFT).waitFor();
  assert.equal(await page.evaluate(() => 'isSamePage' in window), true, 'the page was loaded anew');

  // Another page has the new sources; the files of the old ones are still there for who needs them.
  const newer = await context.newPage();
  await newer.goto('/');
  await newer.getByPlaceholder(CHANGED).waitFor();
  const scriptAfter = await scriptOf(newer);
  assert.notEqual(scriptAfter, scriptBefore);
  for (const script of [scriptBefore, scriptAfter]) assert.equal((await context.request.get(script!)).status(), 200);
  await postWith(newer, written.at(-1)!).getByRole('button', { name: 'Like', pressed: true }).waitFor();

  const alerts = await page.evaluate(() => (window as unknown as { alerts: string[] }).alerts);
  // Whoever leaves a screen gives up what was being read for it; the other side has no part in that.
  const broken = faults.filter((fault) => !fault.endsWith('net::ERR_ABORTED'));
  assert.deepEqual({ alerts, complaints, broken }, { alerts: [], complaints: [], broken: [] });
  await context.close();
});

/** Requests of the page that were broken off, and answers that say that something is away. */
function watch(page: Page): string[] {
  const faults: string[] = [];
  page.on('requestfailed', (request) => faults.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('response', (response) => {
    if (response.status() >= 500) faults.push(`${response.url()} answered ${response.status()}`);
  });
  return faults;
}

/** In the page: keeps the text of everything that is ever shown as an alert. */
function collectAlerts(): void {
  const alerts: string[] = [];
  Object.assign(window, { alerts });
  new MutationObserver(() => {
    for (const alert of document.querySelectorAll('[role="alert"], .banner p')) {
      const text = alert.textContent ?? '';
      if (!alerts.includes(text)) alerts.push(text);
    }
  }).observe(document, { childList: true, subtree: true, characterData: true });
}

async function signIn(page: Page, person: Somebody): Promise<void> {
  await page.goto('/sign-in');
  await page.getByRole('textbox', { name: 'Handle or email' }).fill(person.handle);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await box(page).waitFor();
}

/** Writes one post after another until it is stopped. */
class Writer {
  readonly faults: string[] = [];
  private readonly person: Somebody;
  private readonly written: string[];
  private isOver = false;
  private wake: (text: string) => void = () => {};
  private readonly running: Promise<void>;

  constructor(person: Somebody, written: string[]) {
    this.person = person;
    this.written = written;
    this.running = this.run();
  }

  /** The next one that is acknowledged. */
  next(): Promise<string> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      const text = `Train ${String(this.written.length + 1).padStart(4, '0')} departs`;
      try {
        await this.person.api.call('POST', '/api/posts', { text });
        this.written.push(text);
        this.wake(text);
      } catch (error) {
        this.faults.push((error as Error).message);
      }
      await pause(PACE_MS);
    }
  }
}
