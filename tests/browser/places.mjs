// Every page there is, and something to see on it. A new page gets its line in `pages`.

import { api, clients, save, until } from './api.mjs';
import { DESK } from './pages/files.mjs';
import { bytes, png, upload, wav } from './samples.mjs';

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
  return { client: phones[0].id, job, plan: plan.id, ...await furnishFleet(phones), ...await furnishFiles(phones) };
}

/** A sound, a picture and software, the last of them incomplete; a template with the sound; a plan and a job that deploy. */
async function furnishFiles(phones) {
  const tone = await upload('Evening.wav', wav(1), { file_type: 'ringtone' });
  const picture = await upload('Harbour.png', png(480, 272), { file_type: 'screensaver' });
  await upload('cp-incomplete.img', bytes(300_000, 3), { file_type: 'software' });
  const image = await upload('cp-v1r88.img', bytes(400_000, 5), { file_type: 'software' });
  const [one] = phones.filter((phone) => phone.model?.startsWith('CP'));
  if (one && image.state === 'incomplete') {
    await api('PATCH', `/files/${image.id}`, { models: [one.model], software_type: 'SIP', software_version: 'V1 R88.0.0' },
      { 'if-match': `"${image.revision}"` });
  }
  // For a group that no phone is in: nobody gets it on its own.
  const made = await api('POST', '/templates', { name: 'Evening', kind: 'default', rank: 8, models: ['OpenStage 80'] });
  await api('POST', '/groups', { name: 'New building', filter: DESK, templates: [made.id] });
  const { revision } = await api('GET', `/templates/${made.id}`);
  await api('PUT', `/templates/${made.id}/files`, { files: [tone.id] }, { 'if-match': `"${revision}"` });
  const deployment = { files: [{ file: tone.id }], error_limit: 5 };
  const targets = { ids: phones.slice(0, 10).map((phone) => phone.id) };
  const plan = await api('POST', '/plans', { kind: 'deploy-files', targets, deployment });
  // Planned for later, so that it looks the same in every picture.
  const waiting = await api('POST', '/plans', { kind: 'deploy-files', targets, deployment });
  const { job_id: deploying } = await api('POST', `/plans/${waiting.id}/apply`, { planned_at: '2031-05-06T07:08:00Z' });
  return { picture: picture.id, deployPlan: plan.id, deploying, bringing: made.id };
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
export const pages = ({ client, job, plan, template, group, member, picture, deployPlan, deploying, bringing }) => ({
  overview: '/',
  clients: '/clients',
  'client-drawer': `/clients?open=${client}`,
  client: `/clients/${client}`,
  'client-files': `/clients/${client}?tab=files`,
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
  'template-files': `/templates/${bringing}?tab=files`,
  'template-used-by': `/templates/${template}?tab=used-by`,
  'template-history': `/templates/${template}?tab=history`,
  'template-configuration': `/templates/${template}/configuration/telephony.sip-settings`,
  files: '/files',
  'file-drawer': `/files?open=${picture}`,
  firmware: '/firmware',
  'firmware-table': '/firmware?view=table',
  plan: `/plans/${plan}`,
  'plan-deploy': `/plans/${deployPlan}`,
  jobs: '/jobs',
  job: `/jobs/${job}`,
  'job-deploy': `/jobs/${deploying}`,
  storage: '/storage',
  'storage-drawer': '/storage?open=1',
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
