// Every page there is, and something to see on it. A new page gets its line in `pages`.

import { api, clients, until } from './api.mjs';

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
  return { client: phones[0].id, job, plan: plan.id };
}

/** The address of each page, by its name. */
export const pages = ({ client, job, plan }) => ({
  overview: '/',
  clients: '/clients',
  'client-drawer': `/clients?open=${client}`,
  client: `/clients/${client}`,
  'client-history': `/clients/${client}?tab=history`,
  'client-reported': `/clients/${client}?tab=reported`,
  configuration: `/clients/${client}/configuration/telephony.sip-settings`,
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
