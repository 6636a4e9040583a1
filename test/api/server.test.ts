import { once } from 'node:events'
import { Agent, type IncomingMessage, request as plain } from 'node:http'
import { request as secure } from 'node:https'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Running, type StartOptions, startServer } from '#api/server.ts'
import { CERTIFICATE, KEY } from '#test/certificate.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

/** Answers 200 with the length of the body, or at once at /early, or never at /never. */
const answers: StartOptions['fetch'] = async (_, { incoming }) => {
  if (incoming.url === '/early') return new Response('early', { status: 401 })
  if (incoming.url === '/never') return new Promise(() => {})
  let length = 0
  for await (const chunk of incoming) length += chunk.length
  return new Response(String(length))
}

async function serve(options: Partial<StartOptions> = {}): Promise<Running & { port: number }> {
  const server = await startServer({ listen: LOOPBACK, option: 'test.listen', fetch: answers, ...options })
  onTestFinished(() => server.stop())
  return { ...server, port: Number(new URL(server.url).port) }
}

type Line = { socket: Socket; heard: () => string; closed: Promise<unknown> }

async function dial(port: number, text = ''): Promise<Line> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let heard = ''
  socket.on('error', () => {})
  socket.on('data', (data) => {
    heard += data
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  socket.write(text)
  return { socket, heard: () => heard, closed }
}

const post = (path: string, length: number | string) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

test('speaks TLS when it has a certificate, and survives those who do not', async () => {
  const { url, port } = await serve({ tls: { cert: CERTIFICATE, key: KEY } })
  expect(url).toBe(`https://127.0.0.1:${port}`)
  const { closed } = await dial(port, post('/', 0))
  await closed
  const asking = secure({ port, host: 'localhost', ca: CERTIFICATE, method: 'POST', family: 4 }).end('hello')
  const [response] = await once(asking, 'response')
  expect(await textOf(response)).toBe('5')
})

test('closes connections beyond the cap, tells of each, and takes the next when there is room', async () => {
  let dropped = 0
  const { port } = await serve({
    connections: 2,
    onDrop: () => {
      dropped += 1
    },
  })
  const busy = await Promise.all([dial(port, post('/never', 0)), dial(port, post('/never', 0))])
  await (await dial(port)).closed
  expect(dropped).toBe(1)
  busy[0].socket.destroy()
  await expect
    .poll(
      async () => {
        const { heard, closed } = await dial(port, `${post('/early', 0)}`)
        await Promise.race([closed, expect.poll(heard, { timeout: 2_000 }).toContain('401')])
        return heard()
      },
      { timeout: 10_000 },
    )
    .toContain('HTTP/1.1 401 ')
})

test('has connections that wait for their next request make room', async () => {
  let dropped = 0
  const { port } = await serve({
    connections: 2,
    onDrop: () => {
      dropped += 1
    },
  })
  const idle = await Promise.all([dial(port, post('/early', 0)), dial(port, post('/early', 0))])
  for (const { heard } of idle) await expect.poll(heard).toContain('early')
  await (await dial(port)).closed
  expect(dropped).toBe(1)
  await Promise.all(idle.map(({ closed }) => closed))
  const next = await dial(port, post('/early', 0))
  await expect.poll(next.heard).toContain('early')
})

test.each([
  ['nothing', '', ''],
  ['headers without end', 'POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'x'],
  ['a body without end', `${post('/', 100)}half`, 'x'],
  ['chunks without end', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
])('gives up on a sender that sends %s', async (_, text, more) => {
  const { port } = await serve({ timeouts: { headers: 100, request: 200, linger: 100 } })
  const slow = await dial(port, text)
  // A byte now and then makes no difference.
  const trickle = setInterval(() => slow.socket.writable && slow.socket.write(more), 20)
  await slow.closed
  clearInterval(trickle)
  expect(slow.heard()).toMatch(/^HTTP\/1\.1 408 /)
})

test('gets an early answer through to a sender that reads only when it has sent everything', async () => {
  const { port } = await serve()
  const body = 'x'.repeat(8_000_000)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  for (const path of ['/early', '/early', '/']) {
    const asking = plain({ port, host: '127.0.0.1', agent, path, method: 'POST' }).end(body)
    const [[response]] = await Promise.all([once(asking, 'response'), once(asking, 'finish')])
    expect(await textOf(response)).toBe(path === '/early' ? 'early' : '8000000')
  }
})

test('goes on with the connection after an early answer', async () => {
  const { port } = await serve()
  const { socket, heard } = await dial(port, `${post('/early', 2_000_000)}first half`)
  await expect.poll(heard).toContain('early')
  socket.write('x'.repeat(2_000_000 - 'first half'.length))
  socket.write(`${post('/', 3)}abc`)
  await expect.poll(heard).toMatch(/\r\n\r\n3$/)
})

test('cuts off a sender that does not come to its end after an early answer', async () => {
  const { port } = await serve({ timeouts: { headers: 10_000, request: 60_000, linger: 100 } })
  const { heard, closed } = await dial(port, `${post('/early', 1e12)}x`)
  await closed
  expect(heard()).toContain('early')
})

test('cuts off a sender that sends without end after an early answer', async () => {
  const { port } = await serve()
  const { socket, closed } = await dial(port, post('/early', 1e12))
  const chunk = Buffer.alloc(2 ** 20)
  const pour = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', pour)
  pour()
  await closed
  expect(socket.bytesWritten).toBeGreaterThan(2 ** 27)
})
