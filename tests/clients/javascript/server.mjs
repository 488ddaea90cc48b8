// A Mainstem server as a process of its own, on a data directory that goes with it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const LISTENING = /listening on (http:\/\/127\.0\.0\.1:\d+)/;

/** Starts a server and resolves once it says where it listens. */
export async function startServer() {
  const binary = process.env.MAINSTEM_BIN;
  if (!binary) {
    throw new Error('MAINSTEM_BIN names no binary; run `cargo xtask test javascript`');
  }
  const directory = await mkdtemp(join(tmpdir(), 'mainstem-'));
  const data = join(directory, 'data');
  const process_ = spawn('sh', ['-c', 'exec "$0" "$@" 2>&1', binary, 'serve', '--data', data,
    '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(process_, 'exit');
  const said = [];
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: process_.stdout })
      .on('line', (line) => {
        said.push(line);
        const found = LISTENING.exec(line);
        if (found) {
          resolve(found[1]);
        }
      })
      .on('close', () => reject(new Error(`the server did not start:\n${said.join('\n')}`)));
  });
  return {
    url,
    /** Stops the server with SIGTERM, removes its data and resolves to its exit status. */
    async stop() {
      process_.kill('SIGTERM');
      const [status] = await exited;
      await rm(directory, { recursive: true });
      return status;
    },
  };
}
