// The simulated phones of the test, which runs them beside this program: how they deal with files from now on.

/**
 * Has phones fail, be slow, or talk more; each call sets all of it. `failing`: downloads that end in the middle and are
 * reported as failed; `rate`: bytes a second; `tellsDeletions`: they report what they deleted, which not all firmware does.
 * New software starts at once, not after minutes.
 */
export async function instruct(clients, manners = {}) {
  const devices = clients.map((client) => client.device_id);
  process.stdout.write(`@phones ${JSON.stringify({ devices, ...manners })}\n`);
  const answered = new Promise((resolve) => { process.stdin.once('data', resolve); });
  process.stdin.resume();
  await answered;
  // Nobody waits for more when the journeys are over.
  process.stdin.pause();
  process.stdin.unref();
}
