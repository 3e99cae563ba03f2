// What journeys about files have in common.

import { readFile } from 'node:fs/promises';

/** A filter of a group that no phone is in: what its templates bring, nobody gets. */
export const DESK = { all: [{ test: { field: 'e164', is: '49897007999999' } }] };

/** The file that a press takes away: its name and its bytes. */
export async function taken(page, press) {
  const [download] = await Promise.all([page.waitForEvent('download'), press()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}
