// A value for one client: found, planned, applied, reported. Then one for all of them.

import { strict as assert } from 'node:assert';
import { api, clients, until } from '../api.mjs';
import { given } from '../harness.mjs';
import { Configuration } from '../pages/configuration.mjs';
import { List, openTab } from '../pages/list.mjs';

const DHCP = 'network.general.dhcpv4-enabled';
const SERVER = 'telephony.sip-settings.server-address';

export async function journey(visit) {
  const { page } = visit;
  const client = (await clients()).find((one) => one.software_type === 'SIP');
  const edit = new Configuration(page);

  await visit.goto(`/clients/${client.id}`);
  await page.getByRole('link', { name: 'Configure' }).click();
  await edit.ready();
  await visit.look('the editor');
  await edit.find('Server address', SERVER);
  await edit.control(SERVER).fill('192.0.2.17');
  await edit.control(SERVER).blur();
  await visit.look('a changed value');
  await edit.review();
  const dialog = page.getByRole('dialog', { name: 'What will change' });
  await dialog.getByText('192.0.2.17').waitFor();
  await visit.look('the plan of one client');
  await dialog.getByRole('button', { name: /^Write/ }).click();
  const applied = page.getByRole('dialog', { name: 'Applied' });
  await applied.getByText('Success').first().waitFor();
  await visit.look('the job of one client');
  await applied.getByRole('button', { name: 'Close' }).last().click();
  const reported = async () => {
    const { items } = await api('GET', `/clients/${client.id}/configuration?search=${SERVER}&size=100`);
    return items.find((item) => item.parameter === SERVER)?.reported === '192.0.2.17';
  };
  await until('the value is reported', reported);

  await page.reload();
  await edit.control(SERVER).waitFor();
  assert.equal(await edit.control(SERVER).inputValue(), '192.0.2.17');

  const list = new List(page, 'Clients');
  await visit.goto('/clients');
  await list.ready();
  await list.row(client.e164).getByRole('checkbox').check();
  await list.bulk.getByRole('button', { name: `Select all ${given.phones}` }).click();
  await list.bulk.getByRole('button', { name: 'Set values …' }).click();
  await edit.ready();
  await edit.find('Server address', SERVER);
  await edit.control(SERVER).fill('192.0.2.18');
  await edit.control(SERVER).blur();
  // A value that can cut phones off, so that the number is asked for.
  await edit.find('DHCPv4 enabled', DHCP);
  await edit.control(DHCP).selectOption({ label: 'No' });
  await visit.look('a value for many');
  await edit.review();
  await page.getByRole('heading', { level: 1, name: /^Plan/ }).waitFor();
  for (const tab of ['Clients', 'Left out', 'Restarts', 'Changes']) {
    await openTab(page.getByRole('navigation', { name: 'Parts of the plan' }), tab);
    await visit.look(`a plan, ${tab}`);
  }
  visit.expect(409, '/api/v1/plans/');
  const apply = page.getByRole('button', { name: /^Apply to/ });
  await apply.click();
  await page.getByLabel(/^Type \d+ to go on$/).fill(String(given.phones));
  await visit.look('a typed number');
  await apply.click();
  await page.getByRole('link', { name: /^Show job/ }).waitFor();
  await visit.look('an applied plan');
  await page.getByRole('link', { name: /^Show job/ }).click();
  await page.getByRole('heading', { level: 1, name: /job \d+$/ }).waitFor();
  // All but the one that was called a moment ago, which is not called again so soon.
  await page.getByRole('table', { name: 'Clients of the job' }).getByText('Success').first().waitFor();
}
