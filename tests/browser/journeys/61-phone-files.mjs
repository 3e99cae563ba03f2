// Files: several uploaded at once, one over a lost connection, one that must be described, one given up; found, changed,
// looked at, listened to and taken away; a picture made to fit; what is needed is not deleted.

import { strict as assert } from 'node:assert';
import { api, until } from '../api.mjs';
import { DESK, taken } from '../pages/files.mjs';
import { List } from '../pages/list.mjs';
import { bytes, png, wav, zip } from '../samples.mjs';

const FIRMWARE = 'journey-cp.img';
const GIVEN_UP = 'journey-given-up.img';
const PIECES = '**/api/v1/uploads/*?offset=*';

const file = (name, buffer) => ({ name, mimeType: 'application/octet-stream', buffer });
const offset = (route) => Number(new URL(route.request().url()).searchParams.get('offset'));

export async function journey(visit) {
  const { page } = visit;
  const list = new List(page, 'Files');
  await visit.goto('/files');
  await page.getByRole('heading', { level: 1, name: /^Files/ }).waitFor();
  await visit.look('the files');
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Upload files' });
  await visit.look('no uploads yet');
  await uploads(visit, dialog);
  await givenUp(visit, dialog);
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await found(list);
  await changed(visit, list);
  await pictures(visit, list);
  await sounds(visit, list);
  await needed(visit, list);
}

async function uploads(visit, dialog) {
  const { page } = visit;
  const one = (name) => dialog.getByRole('listitem').filter({ hasText: name });
  // The connection is lost in the middle of the large one; it goes on where it was.
  let lost = 0;
  await page.route(PIECES, async (route) => {
    if (offset(route) > 0 && lost < 2) {
      lost += 1;
      await route.abort('aborted');
    } else {
      await route.continue();
    }
  });
  visit.expect(422, '/api/v1/uploads');
  await dialog.getByLabel('Drop files here, or choose them:').setInputFiles([
    file(FIRMWARE, bytes(5_000_000)),
    file('journey.wav', wav()),
    file('journey.png', png(480, 272)),
    file('journey.zip', zip()),
  ]);
  await one('journey.wav').getByText('Uploaded').waitFor();
  await one('journey.png').getByText(/PNG picture, 480 × 272/).waitFor();
  await one('journey.zip').getByText('Phones take no files of this kind: Archive.').waitFor();
  await one(FIRMWARE).getByText('Incomplete').waitFor();
  assert.equal(lost, 2);
  await page.unroute(PIECES);
  await visit.look('uploads that are done');

  // What the content does not say is asked right there. What it is, its name says.
  const described = one(FIRMWARE);
  const models = described.getByLabel('Supported clients');
  await models.fill('CP205');
  await page.getByRole('option', { name: 'CP205' }).click();
  await described.getByLabel('Software type').selectOption('SIP');
  await described.getByLabel('Version').fill('V1 R9.9.0');
  await visit.look('a description');
  await described.getByRole('button', { name: 'Save' }).click();
  await described.getByText('Uploaded').waitFor();
  await dialog.getByRole('button', { name: 'Clear the list' }).click();
  await one('journey.wav').waitFor({ state: 'detached' });
}

/** One is given up while it is sent: its second piece is held back until then. Nothing of it stays at the server. */
async function givenUp(visit, dialog) {
  const { page } = visit;
  let letGo;
  const held = new Promise((resolve) => { letGo = resolve; });
  await page.route(PIECES, async (route) => {
    if (offset(route) > 0) await held;
    await route.continue();
  });
  // The piece comes for an upload that is not there any more.
  visit.expect(404, '/api/v1/uploads');
  await dialog.getByLabel('Drop files here, or choose them:').setInputFiles([file(GIVEN_UP, bytes(3_000_000, 9))]);
  const one = dialog.getByRole('listitem').filter({ hasText: GIVEN_UP });
  const bar = one.getByRole('progressbar', { name: `Upload of ${GIVEN_UP}` });
  await until('a third of it is there', async () => Number(await bar.getAttribute('aria-valuenow')) > 30);
  await visit.look('an upload under way');
  await one.getByRole('button', { name: `Cancel the upload of ${GIVEN_UP}` }).click();
  await one.waitFor({ state: 'detached' });
  await until('the server has forgotten it', async () => (await api('GET', '/uploads')).total === 0);
  const answered = page.waitForResponse((answer) => answer.request().method() === 'PATCH');
  letGo();
  await answered;
  await page.unrouteAll({ behavior: 'wait' });
  assert.equal((await api('GET', `/files?search=${GIVEN_UP}`)).total, 0);
}

/** Searched, filtered, sorted up and down. */
async function found(list) {
  await list.search('journey');
  await list.row(FIRMWARE).getByText('SIP V1 R9.9.0').waitFor();
  await list.filter('Type', 'Software');
  await list.page.getByText('1–1 of 1').waitFor();
  assert.deepEqual(await list.names(), [FIRMWARE]);
  await list.page.getByRole('button', { name: 'Remove the filter Type' }).click();
  await list.page.getByText('1–3 of 3').waitFor();
  const sizes = [[FIRMWARE, 5_000_000], ['journey.wav', wav().length], ['journey.png', png(480, 272).length]];
  const names = sizes.sort(([, left], [, right]) => left - right).map(([name]) => name);
  await list.sort('Size');
  await until('the smallest comes first', async () => String(await list.names()) === String(names));
  await list.sort('Size');
  await until('the largest comes first', async () => String(await list.names()) === String(names.toReversed()));
}

/** What is said of a file is changed in its dialog, and its drawer says so. */
async function changed(visit, list) {
  const { page } = visit;
  await list.menu(list.row('journey.png'), 'Edit file');
  const dialog = page.getByRole('dialog', { name: 'Edit journey.png' });
  visit.expect(422, '/api/v1/files');
  await dialog.getByLabel('Filename').fill('../journey.png');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.locator('.errtext').filter({ hasText: /\S/ }).first().waitFor();
  await visit.look('a name that is refused');
  await dialog.getByLabel('Filename').fill('journey-harbour.png');
  await dialog.getByLabel('Note').fill('For the harbour office.');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText('journey-harbour.png saved.').waitFor();
  await dialog.waitFor({ state: 'detached' });
  await list.row('journey-harbour.png').click();
  await page.getByRole('complementary', { name: 'File' }).getByText('For the harbour office.').waitFor();
}

/** Looked at, made to fit: the new picture is taken back, and another one kept. */
async function pictures(visit, list) {
  const { page } = visit;
  const drawer = page.getByRole('complementary', { name: 'File' });
  const picture = drawer.getByRole('img', { name: 'journey-harbour.png' });
  await picture.waitFor();
  await page.waitForFunction((image) => image.naturalWidth === 480, await picture.elementHandle());
  await visit.look('a picture');
  await drawer.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Make it fit' }).click();
  const convert = page.getByRole('dialog', { name: 'Make journey-harbour.png fit' });
  const make = async (name) => {
    await convert.getByLabel('To be used as').selectOption({ label: 'Logo' });
    await convert.getByLabel('For the type of client').fill('OpenStage 40');
    await page.getByRole('option', { name: /^OpenStage 40/ }).first().click();
    await convert.getByLabel('Name of the new picture').fill(name);
    await visit.look('what a picture shall be');
    await convert.getByRole('button', { name: 'Make picture' }).click();
    await convert.getByText(/BMP picture, 144 × 32, 1 bit/).waitFor();
    await visit.look('before and after');
  };
  await make('journey-first.bmp');
  await convert.getByRole('button', { name: 'Delete the new one' }).click();
  await make('journey-logo.bmp');
  await convert.getByRole('button', { name: 'Keep both' }).click();
  await page.getByText('journey-logo.bmp made.').waitFor();
  await convert.waitFor({ state: 'detached' });
  // The same once more makes nothing, and nothing can be taken away.
  await drawer.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Make it fit' }).click();
  await make('journey-logo.bmp');
  await convert.getByText('This picture was there already: journey-logo.bmp.').waitFor();
  assert.equal(await convert.getByRole('button', { name: 'Delete the new one' }).count(), 0);
  await convert.getByRole('button', { name: 'Close' }).last().click();
  await convert.waitFor({ state: 'detached' });
  assert.equal((await api('GET', '/files?search=journey-logo')).total, 1);
  await list.row('journey-logo.bmp').getByRole('cell', { name: 'Logo', exact: true }).waitFor();
  assert.equal((await api('GET', '/files?search=journey-first')).total, 0);
  const logo = await taken(page, () => list.menu(list.row('journey-logo.bmp'), 'Download'));
  assert.equal(logo.name, 'journey-logo.bmp');
  assert.deepEqual([logo.bytes.toString('latin1', 0, 2), logo.bytes.readInt32LE(18)], ['BM', 144]);
  await withheld(visit, list, drawer);
}

/** When its storage fails, a picture is not blamed on the browser, and a download is not lost without a word. */
async function withheld(visit, list, drawer) {
  const { page } = visit;
  const problem = {
    type: 'urn:workpoint:problem:provider_failed', title: 'Failed', status: 502, code: 'provider_failed', detail: '',
    args: { provider: 'Cellar', error: 'unreachable' }, errors: [],
  };
  const answer = { status: 502, contentType: 'application/problem+json', body: JSON.stringify(problem) };
  await page.route('**/api/v1/files/*/content*', (route) => route.fulfill(answer));
  visit.expect(502, '/api/v1/files');
  const told = page.getByText('The storage “Cellar” fails. The server cannot be reached.');
  await list.row('journey-logo.bmp').click();
  await drawer.getByText('The storage “Cellar” fails.').waitFor();
  await visit.look('a picture that cannot be fetched');
  await list.menu(list.row('journey-logo.bmp'), 'Download');
  await told.nth(1).waitFor();
  await page.unrouteAll({ behavior: 'wait' });
}

/** Played, and taken away: the same bytes as were uploaded. */
async function sounds(visit, list) {
  const { page } = visit;
  await list.row('journey.wav').click();
  const drawer = page.getByRole('complementary', { name: 'File' });
  const sound = drawer.getByLabel('journey.wav, to be played');
  await sound.waitFor();
  await visit.look('a sound');
  // The browser's own button stands at the left.
  const { height } = await sound.boundingBox();
  await sound.click({ position: { x: height / 2, y: height / 2 } });
  await page.waitForFunction((audio) => audio.currentTime > 0.2, await sound.elementHandle());
  const length = await sound.evaluate((audio) => audio.duration);
  assert.ok(Math.abs(length - 1) < 0.05, `${length} s`);
  await drawer.getByRole('button', { name: 'More' }).click();
  const tone = await taken(page, () => page.getByRole('menuitem', { name: 'Download' }).click());
  assert.equal(tone.name, 'journey.wav');
  assert.ok(tone.bytes.equals(wav()));
  const image = await taken(page, () => list.menu(list.row(FIRMWARE), 'Download'));
  assert.ok(image.bytes.equals(bytes(5_000_000)));
}

/** What a template needs stays; at the template it is removed, then it can go. */
async function needed(visit, list) {
  const { page } = visit;
  const [sound] = (await api('GET', '/files?search=journey.wav')).items;
  const template = await api('POST', '/templates', { name: 'Journey tones', kind: 'default', rank: 9 });
  // Its group is empty, so that nobody gets it.
  const group = await api('POST', '/groups', { name: 'Journey desk', filter: DESK, templates: [template.id] });
  const { revision: fresh } = await api('GET', `/templates/${template.id}`);
  await api('PUT', `/templates/${template.id}/files`, { files: [sound.id] }, { 'if-match': `"${fresh}"` });
  await visit.goto('/files?q=journey');
  await list.row('journey.wav').getByText('1 template').waitFor();
  const all = ['journey.wav', 'journey-harbour.png', 'journey-logo.bmp', FIRMWARE];
  for (const name of all) await list.row(name).getByRole('checkbox').check();
  await list.bulk.getByRole('button', { name: 'Delete files' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete 4 files' }).click();
  const stayed = page.getByRole('dialog', { name: 'Some files are needed' });
  await stayed.getByRole('link', { name: 'Journey tones' }).waitFor();
  await visit.look('what is needed');
  await stayed.getByRole('button', { name: 'Close' }).last().click();
  await page.getByText('1–1 of 1').waitFor();

  await visit.goto(`/templates/${template.id}?tab=files`);
  const files = page.getByRole('table', { name: 'Files of the template' });
  await files.getByText('journey.wav').waitFor();
  await visit.look('the files of a template');
  await page.getByRole('button', { name: 'Remove journey.wav from the template' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove file' }).click();
  await page.getByText('The template brings no files.').waitFor();
  await page.getByRole('button', { name: 'Add files' }).click();
  const adding = page.getByRole('dialog', { name: 'Add files to the template' });
  await adding.getByLabel('Search').fill('journey');
  await adding.getByRole('row').filter({ hasText: 'journey.wav' }).getByRole('checkbox').check();
  await adding.getByRole('button', { name: 'Add 1 file' }).click();
  await files.getByText('journey.wav').waitFor();
  await api('POST', '/templates/delete', { ids: [template.id] });
  const { revision } = await api('GET', `/groups/${group.id}`);
  await api('DELETE', `/groups/${group.id}`, undefined, { 'if-match': `"${revision}"` });
  const { deleted } = await api('POST', '/files/delete', { ids: [sound.id] });
  assert.equal(deleted, 1);
}
