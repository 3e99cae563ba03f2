// The simulated phones of the test, which runs them beside this program: how they deal with files from now on.

/**
 * Has phones fail, be slow, or talk more; each call sets all of it. `failing`: downloads that end in the middle and are
 * reported as failed; `rate`: bytes a second; `tellsDeletions`: they report what they deleted, which not all firmware does.
 * New software starts at once, not after minutes.
 */
export async function instruct(clients, manners = {}) {
  const devices = clients.map((client) => client.device_id);
  await ask(`@phones ${JSON.stringify({ devices, ...manners })}`);
}

/** The items of the last deployment that the phone of a client followed, by their names. */
export const told = (client) => ask(`@told ${client.device_id}`);

/** Asks the test for something; it answers with a line of JSON. */
async function ask(line) {
  process.stdout.write(`${line}\n`);
  let answer = '';
  process.stdin.resume();
  while (!answer.endsWith('\n')) {
    answer += await new Promise((resolve) => { process.stdin.once('data', resolve); });
  }
  // Nobody waits for more when the journeys are over.
  process.stdin.pause();
  process.stdin.unref();
  return JSON.parse(answer);
}
