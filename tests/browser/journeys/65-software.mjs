// Deploying software: to one phone from the list of clients, with a bar while it downloads; older software and the other
// family only when somebody says so; a time; and all outdated phones of a type from the page of the firmware.

import { strict as assert } from 'node:assert';
import { api, clients, until } from '../api.mjs';
import { DeployPlan } from '../pages/deploy.mjs';
import { List } from '../pages/list.mjs';
import { instruct } from '../phones.mjs';
import { bytes, upload } from '../samples.mjs';

const NEW = 'V9 R1.1.0';
const NEWER = 'V9 R2.0.0';
const OLD = 'V1 R2.0.0';
/** Bytes a second of a slow phone, and a file that takes it some seconds. */
const SLOW = 250_000;
const LARGE = 2_000_000;

/** Uploads software for a model, described as somebody would. */
async function software(name, model, version, { family = 'SIP', size = 200_000 } = {}) {
  const file = await upload(name, bytes(size, name.length), { file_type: 'software' });
  return api('PATCH', `/files/${file.id}`, { models: [model], software_type: family, software_version: version },
    { 'if-match': `"${file.revision}"` });
}

/** Three phones, each the only one of its type; the type of the third has both families. */
async function phones() {
  const { items: models } = await api('GET', '/device-models');
  const both = new Set(models.filter((model) => model.software_types.length > 1).map((model) => model.name));
  const all = (await clients()).filter((client) => client.state === 'active' && client.model);
  const alone = (client) => all.filter((other) => other.model === client.model).length === 1;
  const found = all.filter((client) => client.software_type === 'SIP' && both.has(client.model) && alone(client));
  assert.ok(found.length >= 3, 'phones of three types');
  return found;
}

export async function journey(visit) {
  const [one, two, three] = await phones();
  await slowly(visit, one);
  await older(visit, one);
  await otherFamily(visit, three);
  await outdated(visit, two);
}

/** Makes a plan that brings a client a file, from the list of clients. */
async function planFor(visit, client, file, choose = async () => {}) {
  const { page } = visit;
  const list = new List(page, 'Clients');
  await visit.goto('/clients');
  await list.ready();
  await list.search(client.device_id);
  await page.getByText('1–1 of 1').waitFor();
  await list.menu(list.row(client.e164), 'Deploy files');
  const dialog = page.getByRole('dialog', { name: 'Deploy files' });
  await dialog.getByText('For 1 client.').waitFor();
  await dialog.getByLabel('Search').fill(file);
  await dialog.getByRole('row').filter({ hasText: file }).getByRole('checkbox').check();
  await dialog.getByText(/1 file chosen/).waitFor();
  await choose(dialog);
  await visit.look('files to choose from');
  await dialog.getByRole('button', { name: 'Make plan' }).click();
  const plan = new DeployPlan(page);
  await plan.ready('software');
  return plan;
}

async function slowly(visit, client) {
  const { page } = visit;
  await software('journey-one.img', client.model, NEW, { size: LARGE });
  await instruct([client], { rate: SLOW });
  const plan = await planFor(visit, client, 'journey-one.img');
  await page.getByText(NEW).first().waitFor();
  await visit.look('the plan of an update');
  const job = await plan.apply(1);

  // How much of it the phone has, by the bar of its row; it grows while somebody looks.
  const bar = job.targets.row(client.e164).getByRole('progressbar', { name: 'Download of journey-one.img' });
  await bar.waitFor();
  await job.bar.getByText('Downloading').waitFor();
  const shown = async () => Number(await bar.getAttribute('aria-valuenow'));
  const first = await shown();
  assert.ok(first > 0 && first < 100, `${first} %`);
  await visit.look('a download under way');
  await until('the bar grows', async () => (await shown()) > first);
  await job.succeeds([client]);
  await visit.goto(`/clients/${client.id}?tab=files`);
  await page.getByText(NEW, { exact: true }).first().waitFor();
  await instruct([client]);
}

/** Older software is left out, and with a tick it is a warning; planned for later, and given up. */
async function older(visit, client) {
  const { page } = visit;
  await software('journey-old.img', client.model, OLD);
  const refused = await planFor(visit, client, 'journey-old.img');
  await refused.when.getByText('No client gets anything.').waitFor();
  await page.getByRole('link', { name: /^Left out/ }).first().click();
  await page.getByText('It is older than what the phone runs. Downgrades were not allowed.').first().waitFor();
  await visit.look('a plan that leaves everybody out');
  await refused.discard();

  const plan = await planFor(visit, client, 'journey-old.img', async (dialog) => {
    await dialog.getByRole('checkbox', { name: /^Also older software/ }).check();
  });
  await page.getByText('One client gets older software than it has.').waitFor();
  await visit.look('a warning before a downgrade');
  await plan.when.getByLabel('At a time').check();
  await plan.when.getByLabel('Start').fill('2031-05-06T07:08');
  const job = await plan.apply(1);
  await job.becomes(client, 'Scheduled');
  await page.getByText(/^planned for .*2031/).waitFor();
  await page.getByRole('button', { name: 'Cancel job' }).click();
  await page.getByRole('dialog', { name: 'Cancel this job?' }).getByRole('button', { name: 'Cancel job' }).click();
  await job.becomes(client, 'Cancelled');
}

async function otherFamily(visit, client) {
  const { page } = visit;
  await software('journey-hfa.img', client.model, NEW, { family: 'HFA' });
  const refused = await planFor(visit, client, 'journey-hfa.img');
  await page.getByRole('link', { name: /^Left out/ }).first().click();
  await page.getByText('It is of the other software type (SIP, HFA). Another software type was not allowed.').first()
    .waitFor();
  await refused.discard();
  const plan = await planFor(visit, client, 'journey-hfa.img', async (dialog) => {
    await dialog.getByRole('checkbox', { name: /^Also another software type/ }).check();
  });
  await page.getByText(/^One client changes its software type and loses/).waitFor();
  // By name, and from which to which.
  await page.getByRole('rowheader', { name: 'Software type', exact: true }).waitFor();
  await visit.look('a warning before another software type');
  await plan.discard();
}

/** The page of the firmware: what is older than the newest file, one step to a plan, and nothing older is left. */
async function outdated(visit, client) {
  const { page } = visit;
  await software('journey-two.img', client.model, NEWER);
  await instruct([client]);
  await visit.goto('/firmware');
  const card = page.locator('.firmware-models section')
    .filter({ has: page.getByRole('heading', { name: `${client.model} · SIP`, exact: true }) });
  await card.getByText(client.software_version).first().waitFor();
  await visit.look('the firmware');
  await page.getByRole('button', { name: 'Show as table' }).click();
  const line = page.getByRole('table', { name: 'Firmware' }).getByRole('row')
    .filter({ has: page.getByRole('rowheader', { name: client.model, exact: true }) }).filter({ hasText: 'SIP' });
  await line.getByText('Older than the newest file').waitFor();
  await visit.look('the firmware as a table');
  // The table has the way to the plan too; the dialog asks when, and after how many failures it stops.
  await line.getByRole('button', { name: 'Plan update of 1 client' }).waitFor();
  await page.getByRole('button', { name: 'Show as chart' }).click();
  await card.getByRole('link', { name: '1 client runs older software' }).click();
  const list = new List(page, 'Clients');
  await list.ready();
  await list.row(client.e164).waitFor();
  await page.getByText('1–1 of 1').waitFor();
  await visit.goto('/firmware');
  await card.getByRole('button', { name: 'Plan update of 1 client' }).click();
  const dialog = page.getByRole('dialog', { name: 'Plan update' });
  await dialog.getByText('For 1 client.').waitFor();
  assert.equal(await dialog.getByLabel('Stop after failures').inputValue(), '5');
  await visit.look('when an update stops');
  await dialog.getByRole('button', { name: 'Make plan' }).click();
  const plan = new DeployPlan(page);
  await plan.ready('software');
  await plan.files.getByRole('link', { name: 'journey-two.img' }).waitFor();
  const job = await plan.apply(1);
  await job.succeeds([client]);
  await visit.goto('/firmware?view=table');
  await line.getByText('Up to date').waitFor();
  await line.getByText(NEWER).first().waitFor();
}
