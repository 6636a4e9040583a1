// The API that the jobs fetch from: test/e2e/job.ts and job.py here.

import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { CERTIFICATE, KEY } from '#test/certificate.ts'

export type Upstream = { url: string; secureUrl: string; close(): void }

/** `/flaky` fails twice and answers then: with one second and with no time to wait. */
function answering(): RequestListener {
  let flaky = 0
  const answers: Record<string, RequestListener> = {
    '/page': (_, response) => setTimeout(() => response.end('0123456789'), 50),
    '/moved': (_, response) => response.writeHead(302, { location: '/page' }).end(),
    '/circle': (_, response) => response.writeHead(302, { location: '/circle' }).end(),
    '/broken': (_, response) => response.writeHead(500).end('broken'),
    '/flaky': (_, response) => {
      flaky += 1
      if (flaky === 1) response.writeHead(429, { 'retry-after': '1' }).end()
      else response.writeHead(flaky === 2 ? 503 : 200).end()
    },
    '/half': (_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half a body')
      setTimeout(() => response.destroy(), 20)
    },
    '/hang': () => {},
    '/zipped': (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(1_000)))
    },
  }
  return (request, response) => {
    request.resume()
    const answer = answers[(request.url as string).split('?')[0] as string]
    if (answer) answer(request, response)
    else response.end('0123456789')
  }
}

export async function startUpstream(): Promise<Upstream> {
  const plain = createServer(answering())
  const secure = createSecureServer({ key: KEY, cert: CERTIFICATE }, answering())
  const [port, securePort] = await Promise.all([listen(plain), listen(secure)])
  return {
    url: `http://127.0.0.1:${port}`,
    secureUrl: `https://127.0.0.1:${securePort}`,
    close() {
      for (const server of [plain, secure]) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}
