// Pictures of every page: both languages, both themes, wide and 400 px. A page that shows a failure fails.

import { fail, given, open } from './harness.mjs';
import { signIn, speak } from './pages/sign-in.mjs';
import { furnish, pages } from './places.mjs';

const LOOKS = ['en', 'de'].flatMap((language) => ['light', 'dark'].flatMap((theme) =>
  [1440, 400].map((width) => ({ language, theme, width }))));
/** Takes all of them; `WORKPOINT_PAGES=clients,jobs` only these. */
export async function takeAll(browser) {
  const wanted = process.env.WORKPOINT_PAGES?.split(',');
  const all = Object.entries(pages(await furnish())).filter(([name]) => !wanted || wanted.includes(name));
  let storageState;
  for (const { language, theme, width } of LOOKS) {
    const suffix = `${language}-${theme}${width === 400 ? '-400' : ''}`;
    const visit = await open(browser, suffix, {
      viewport: { width, height: width === 400 ? 860 : 900 },
      locale: language === 'de' ? 'de-DE' : 'en-GB',
      colorScheme: theme,
      storageState,
    });
    const { page } = visit;
    if (!storageState) {
      await visit.goto('/');
      await signIn(page, 'robot', given.password);
      storageState = { cookies: (await page.context().storageState()).cookies, origins: [] };
    }
    // The language belongs to the account.
    await visit.goto('/');
    await page.locator('h1').first().waitFor();
    await speak(page, language);
    for (const [name, path] of all) {
      await visit.goto(path);
      await visit.settled();
      await visit.whole(name);
      await visit.picture(`${name}-${suffix}`);
    }
    for (const fault of visit.faults) fail(fault);
    await page.context().close();
    await strangers(browser, { language, theme, width }, suffix, wanted);
    console.log(suffix);
  }
}

/** Pages of who is not signed in. */
async function strangers(browser, { language, theme, width }, suffix, wanted) {
  if (wanted && !wanted.includes('sign-in')) return;
  const visit = await open(browser, suffix, {
    viewport: { width, height: width === 400 ? 860 : 900 },
    locale: language === 'de' ? 'de-DE' : 'en-GB',
    colorScheme: theme,
  });
  await visit.goto('/');
  await visit.page.locator('h1').waitFor();
  await visit.picture(`sign-in-${suffix}`);
  await visit.page.context().close();
}
