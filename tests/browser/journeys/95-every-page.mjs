// Every page as the other journeys do not see it: in German, dark and on a telephone, and wide once more.

import { api } from '../api.mjs';
import { pages, furnish } from '../places.mjs';
import { speak } from '../pages/sign-in.mjs';

export const options = { locale: 'de-DE', colorScheme: 'dark' };

export async function journey(visit) {
  const { page } = visit;
  // Phones that other journeys have called are not called again so soon.
  const all = Object.entries(pages(await furnish({ called: false })));
  // What goes wrong has the longest words.
  const bad = await api('POST', '/storage-providers', { name: 'Nowhere', kind: 'https', scan: false,
    url: 'https://nowhere.invalid/phones/firmware' });
  await api('POST', `/storage-providers/${bad.id}/check`, {});
  await visit.goto('/');
  await visit.settled();
  await speak(page, 'de');
  for (const width of [400, 1440]) {
    await page.setViewportSize({ width, height: 860 });
    for (const [name, path] of all) {
      await visit.goto(path);
      await visit.settled();
      await visit.whole(name);
      await visit.look(`${name}, ${width} px, German, dark`);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (over > 0) visit.fault(`${name} is ${over} px wider than the window of ${width} px`);
    }
  }
  await speak(page, 'en');
  await api('POST', '/storage-providers/delete', { ids: [bad.id] });
}
