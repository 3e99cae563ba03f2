// Runs the journeys, or takes the pictures. Started by tests/tests/console.rs.

import { readdirSync } from 'node:fs';
import { fail, given, open, openBrowser } from './harness.mjs';
import { signIn } from './pages/sign-in.mjs';

const here = new URL('./', import.meta.url);
const browser = await openBrowser();
try {
  if (process.env.WORKPOINT_TASK === 'pictures') {
    await (await import('./pictures.mjs')).takeAll(browser);
  } else {
    await takeJourneys();
  }
} catch (error) {
  fail(String(error?.stack ?? error));
} finally {
  await browser.close();
}

async function takeJourneys() {
  const wanted = process.env.WORKPOINT_JOURNEYS?.split(',').filter((name) => name !== '');
  // In the order of their names; each begins with a number. They need nothing of each other.
  const files = readdirSync(new URL('journeys/', here)).filter((name) => name.endsWith('.mjs')).sort();
  let signedIn;
  let taken = 0;
  for (const file of files) {
    const name = file.replace(/^\d+-|\.mjs$/g, '');
    if (wanted?.length > 0 && !wanted.includes(name)) continue;
    taken += 1;
    const { journey, stranger, options } = await import(new URL(`journeys/${file}`, here));
    const began = Date.now();
    if (!stranger) signedIn ??= await cookies();
    const visit = await open(browser, name, { ...(stranger ? {} : { storageState: signedIn }), ...options });
    try {
      await journey(visit);
    } catch (error) {
      visit.fault(`${error.message.replaceAll(/\u001b\[\d+m/g, '')}${place(error)}`);
    }
    if (visit.faults.length > 0) await visit.picture().catch(() => {});
    for (const fault of visit.faults) fail(fault);
    await visit.page.context().close();
    console.log(`${name}: ${visit.faults.length} faults, ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
  if (taken === 0) fail(`no journey is called ${wanted}`);
}

/** The line of the journey an error comes from. */
function place(error) {
  const line = error.stack?.split('\n').find((text) => text.includes('/journeys/'));
  return line ? `\n  at ${line.slice(line.indexOf('/journeys/') + 1)}` : '';
}

/** One session for all journeys that are not about signing in. */
async function cookies() {
  const visit = await open(browser, 'sign-in');
  await visit.goto('/');
  await signIn(visit.page, 'robot', given.password);
  const state = await visit.page.context().storageState();
  await visit.page.context().close();
  return state;
}
