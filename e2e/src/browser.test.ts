/** Two people in two real browsers, through the gateway and again at the front's own port, where every call crosses origins. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { chromiumPath, startBrowser, visitor } from './browser.ts';
import type { Visitor } from './browser.ts';
import { YardUnderTest } from './yard-under-test.ts';

const skip = chromiumPath() === null ? 'no Chromium (apt-get install chromium, or set CHROMIUM)' : false;
let yard: YardUnderTest;
let browser: Browser;
before(async () => {
  if (skip !== false) return;
  yard = await YardUnderTest.create();
  await yard.up();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await yard?.remove();
});

interface Person {
  readonly name: string;
  readonly handle: string;
  readonly password: string;
}

async function signUp(page: Page, person: Person): Promise<void> {
  await page.goto('/sign-up');
  await page.getByLabel('Name', { exact: true }).fill(person.name);
  await page.getByLabel('Handle', { exact: true }).fill(person.handle);
  await page.getByLabel('Email', { exact: true }).fill(`${person.handle}@example.org`);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('textbox', { name: 'Write a post' }).waitFor();
}

/** In the list, not in the box where it was written. */
const commentWith = (page: Page, text: string) => page.getByRole('listitem').filter({ hasText: text });
const postWith = (page: Page, text: string) => page.getByRole('article').filter({ hasText: text });

for (const door of ['the gateway', "the front's own port"] as const) {
  test(
    `two people sign up, make friends, post, comment, like and block in the browser, through ${door}`,
    { skip, timeout: 180_000 },
    async () => {
      const origin = door === 'the gateway' ? yard.origin : yard.frontOrigin;
      const suffix = door === 'the gateway' ? 'g' : 'f';
      const ada: Person = { name: `Ada Rails ${suffix}`, handle: `ada_${suffix}`, password: 'a long enough password' };
      const ben: Person = { name: `Ben Points ${suffix}`, handle: `ben_${suffix}`, password: 'another long password' };
      const [a, b] = [await visitor(browser, origin), await visitor(browser, origin)];
      await Promise.all([signUp(a.page, ada), signUp(b.page, ben)]);

      await ask(a.page, ben);
      await b.page.goto('/friends/requests');
      await b.page.getByRole('button', { name: `Accept ${ada.name}` }).click();
      await b.page.getByText(`You and ${ada.name} are friends`).waitFor();

      // Ben only looks at his feed from here on: what Ada writes arrives without reloading.
      await b.page.goto('/');
      await b.page.getByRole('textbox', { name: 'Write a post' }).waitFor();
      await a.page.goto('/');
      const text = `First departure, ${suffix}`;
      await a.page.getByRole('textbox', { name: 'Write a post' }).fill(text);
      await a.page.getByRole('button', { name: 'Post', exact: true }).click();
      await postWith(a.page, text).waitFor();
      const fresh = b.page.getByRole('button', { name: '1 new post' });
      await Promise.race([postWith(b.page, text).waitFor(), fresh.waitFor().then(() => fresh.click())]);
      await postWith(b.page, text).waitFor();

      await postWith(b.page, text).getByRole('button', { name: 'Like' }).click();
      await postWith(b.page, text).getByRole('button', { name: 'Like', pressed: true }).waitFor();
      await postWith(b.page, text).getByRole('link', { name: '0 comments' }).click();
      await b.page.getByRole('textbox', { name: 'Write a comment' }).fill('Mind the gap');
      await b.page.getByRole('button', { name: 'Comment', exact: true }).click();
      await commentWith(b.page, 'Mind the gap').waitFor();

      await a.page.reload();
      await postWith(a.page, text).getByText('1 like', { exact: true }).waitFor({ state: 'attached' });
      await postWith(a.page, text).getByRole('link', { name: '1 comment' }).click();
      await commentWith(a.page, 'Mind the gap').waitFor();

      await b.page.goto(`/people/${ada.handle}`);
      await b.page.getByRole('button', { name: 'Block' }).click();
      await b.page.getByRole('dialog').getByRole('button', { name: 'Block' }).click();
      await b.page.getByText(`${ada.name} is blocked`).waitFor();
      await b.page.goto('/');
      await b.page.getByRole('textbox', { name: 'Write a post' }).waitFor();
      await b.page.waitForFunction(() => document.querySelectorAll('[aria-busy="true"]').length === 0);
      assert.equal(await postWith(b.page, text).count(), 0);

      await signOut(b);
      assert.deepEqual([...a.complaints, ...b.complaints], []);
      await Promise.all([a.context.close(), b.context.close()]);
    },
  );
}

async function ask(page: Page, person: Person): Promise<void> {
  await page.goto('/friends/find');
  await page.getByRole('searchbox', { name: 'Search people' }).fill(person.handle);
  await page.getByRole('button', { name: `Add ${person.name} as a friend` }).click();
  await page.getByText(`Request sent to ${person.name}`).waitFor();
}

async function signOut({ page, context }: Visitor): Promise<void> {
  await page.goto('/me');
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  assert.deepEqual(
    (await context.cookies()).filter((cookie) => cookie.value !== ''),
    [],
  );
}
