// Every page there is, and something to see on it. A new page gets its line in `pages`.

import { api, clients, save, until } from './api.mjs';

const SERVER = 'telephony.sip-settings.server-address';

/** Something to see: jobs, a plan, a client that is expected. `called` waits until the first job has reached its phone. */
export async function furnish({ called = true } = {}) {
  const all = await clients();
  const phones = all.filter((one) => one.software_type === 'SIP');
  const write = { kind: 'write-configuration', targets: { ids: [phones[0].id] },
    changes: [{ parameter: SERVER, value: '192.0.2.117' }] };
  const { job_id: job } = await api('POST', `/plans/${(await api('POST', '/plans', write)).id}/apply`, {});
  if (called) await until('the first job ends', async () => (await api('GET', `/jobs/${job}`)).state === 'success');
  await api('POST', '/clients/actions', { action: 'refresh', targets: { ids: all.slice(0, 20).map((one) => one.id) } });
  await api('POST', '/clients/actions', { action: 'restart', targets: { ids: [phones[1].id] },
    planned_at: '2031-05-06T07:08:00Z' });
  await api('POST', '/clients', { e164: '4989700712345', model: phones[0].model });
  const plan = await api('POST', '/plans', { ...write, targets: { ids: all.map((one) => one.id) },
    changes: [{ parameter: SERVER, value: '192.0.2.18' }] });
  return { client: phones[0].id, job, plan: plan.id, ...await furnishFleet(phones) };
}

/** A field, templates and a group, for the phones behind the first two. */
async function furnishFleet(phones) {
  const own = phones.slice(2, 7);
  const numbers = own.map((one) => one.basic_e164 ?? one.e164).sort();
  await api('POST', '/client-fields', { name: 'site', label: 'Site' });
  const values = [
    { parameter: 'telephony.sip-settings.sip-credentials-realm', value: '{extension}.hamburg.example' },
    { parameter: SERVER, value: '192.0.2.33' },
  ];
  // Attached to its group before it has values: it is nobody else's.
  const made = await api('POST', '/templates', { name: 'Hamburg SIP', kind: 'default', rank: 3, software_types: ['SIP'],
    description: 'Registrar and realm of the Hamburg site.', software_update: 'only-newer' });
  await api('POST', '/templates', { name: 'First contact', kind: 'onboarding', values: values.slice(0, 1) });
  const filter = { all: [
    { test: { field: 'e164', range: { from: numbers[0], to: numbers.at(-1) } } },
    { any: [{ test: { field: 'address', network: '127.0.0.0/8' } },
      { test: { field: 'client-field', name: 'site', is: 'Hamburg' } }] },
  ] };
  const group = await save('POST', '/groups', { name: 'Hamburg', description: 'Phones of the Hamburg site', filter,
    templates: [made.id] });
  await save('PATCH', `/templates/${made.id}`, { values }, { 'if-match': `"${made.revision}"` });
  return { template: made.id, group: group.id, member: own[0].id };
}

/** The address of each page, by its name. */
export const pages = ({ client, job, plan, template, group, member }) => ({
  overview: '/',
  clients: '/clients',
  'client-drawer': `/clients?open=${client}`,
  client: `/clients/${client}`,
  'client-history': `/clients/${client}?tab=history`,
  'client-reported': `/clients/${client}?tab=reported`,
  configuration: `/clients/${client}/configuration/telephony.sip-settings`,
  'configuration-layers': `/clients/${member}/configuration/telephony.sip-settings?at=telephony.sip-settings.sip-credentials-realm`,
  groups: '/groups',
  group: `/groups/${group}`,
  'group-new': '/groups/new',
  'client-fields': '/groups/fields',
  templates: '/templates',
  template: `/templates/${template}`,
  'template-values': `/templates/${template}?tab=configuration`,
  'template-used-by': `/templates/${template}?tab=used-by`,
  'template-history': `/templates/${template}?tab=history`,
  'template-configuration': `/templates/${template}/configuration/telephony.sip-settings`,
  plan: `/plans/${plan}`,
  jobs: '/jobs',
  job: `/jobs/${job}`,
  audit: '/audit',
  accounts: '/accounts',
  account: '/account',
  'account-password': '/account/password',
  'account-second-factor': '/account/second-factor',
  'account-sessions': '/account/sessions',
  'account-tokens': '/account/tokens',
  settings: '/settings',
  'not-found': '/nothing-here',
});
