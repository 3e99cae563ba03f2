// How long somebody waits for the console whose browser has never seen it, and how much is loaded. Started by the
// benchmark (tests/src/bin/bench/browser.rs); prints one line of JSON per page.

import { given, open, openBrowser } from './harness.mjs';
import { signIn } from './pages/sign-in.mjs';

const RUNS = 7;

/** What is on each page when it can be used. */
const PAGES = {
  'sign-in page': { path: '/', ready: (page) => page.getByLabel('User name') },
  overview: { path: '/', ready: (page) => page.locator('.tiles a').first(), signedIn: true },
  'list of clients': { path: '/clients', ready: (page) => page.locator('tbody tr').first(), signedIn: true },
  configuration: {
    path: '/clients/1/configuration/general.general-information',
    ready: (page) => page.locator('[id^="p-"]').first(),
    signedIn: true,
  },
};

const browser = await openBrowser();
try {
  const first = await open(browser, 'sign-in');
  await first.goto('/');
  await signIn(first.page, given.user, given.password);
  const storageState = await first.page.context().storageState();
  await first.page.context().close();
  for (const [name, one] of Object.entries(PAGES)) {
    const loads = [];
    for (let run = 0; run < RUNS; run += 1) loads.push(await load(one, storageState));
    loads.sort((a, b) => a.ms - b.ms);
    const { ms, files, data } = loads[Math.floor(RUNS / 2)];
    console.log(JSON.stringify({ name, ms, longest: loads.at(-1).ms, files, data, faults: loads.flatMap((it) => it.faults) }));
  }
} finally {
  await browser.close();
}

/** Loads a page in a browser that has nothing of it. Times are the browser's own, from the beginning of the navigation. */
async function load({ path, ready, signedIn }, storageState) {
  const visit = await open(browser, path, signedIn ? { storageState } : {});
  await visit.page.goto(given.url + path, { waitUntil: 'commit' });
  await ready(visit.page).waitFor();
  const seen = await visit.page.evaluate(() => {
    const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const sum = (wanted) => entries.filter(wanted).reduce((bytes, entry) => bytes + entry.encodedBodySize, 0);
    const isData = (entry) => new URL(entry.name).pathname.startsWith('/api/');
    return { ms: performance.now(), files: sum((entry) => !isData(entry)), data: sum(isData) };
  });
  await visit.page.context().close();
  return { ...seen, faults: visit.faults };
}
