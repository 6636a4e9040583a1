// Whether ingest and the API answer where they should, and as ours do.

import { X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { errorAnswer, healthAnswer } from '#api/schemas.ts'
import { type Finding, fault, good } from '#cli/checks/finding.ts'
import type { CertificateFiles } from '#cli/config/certificate.ts'
import { readText } from '#cli/config/files.ts'
import { ourCommand } from '#cli/version.ts'
import { type Listen, listenUrl } from '#model/listen.ts'

/** `body` is null when it is no JSON; `certificate` is the one that was shown over TLS. */
type Answer = { status: number; body: unknown; certificate: X509Certificate | null }
type Verdict = { is: 'ready'; says?: string } | { is: 'faulty'; says: string; todo: string } | { is: 'not ours' }

const PATIENCE_MS = 5_000

/** `now` is epoch milliseconds. */
export function checkIngest(listen: Listen, tls: CertificateFiles | null, now: number): Promise<Finding> {
  return checkAnswer({
    check: 'ingest',
    server: addressOf(listen, tls === null ? 'http' : 'https'),
    path: '/v1/traces',
    ask: tls === null ? (url) => get(url) : getWithCertificate,
    judge: (answer) => judgeIngest(answer, tls, now),
  })
}

export function checkApi(server: string | null): Promise<Finding> {
  return checkAnswer({ check: 'API', server, path: '/readyz', ask: (url) => get(url), judge: judgeApi })
}

/** Null where the port is any free one. */
export function addressOf(listen: Listen, scheme: 'http' | 'https' = 'http'): string | null {
  return listen.port === 0 ? null : listenUrl(listen, scheme)
}

/** The answer to GET; rejects when there is none in five seconds. */
export async function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(PATIENCE_MS) })
  const body: unknown = await answer.json().catch(() => null)
  return { status: answer.status, body, certificate: null }
}

/** The same over TLS, whatever certificate is shown: nothing secret is sent, and it can be looked at afterwards. */
function getWithCertificate(url: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const asked = request(url, { signal, agent: false, rejectUnauthorized: false })
  asked.once('response', (response) => {
    const certificate = (response.socket as TLSSocket).getPeerX509Certificate() ?? null
    resolve({ status: response.statusCode ?? 0, body: null, certificate })
    response.destroy()
  })
  asked.on('error', reject)
  asked.end()
  return promise
}

/** `server` is null where the port is any free one. */
type Question = {
  check: string
  server: string | null
  path: string
  ask: (url: string) => Promise<Answer>
  judge: (answer: Answer) => Verdict
}

async function checkAnswer({ check, server, path, ask, judge }: Question): Promise<Finding> {
  if (server === null) return good(check, 'not looked at: it takes any free port, and only `up` says which')
  const url = server.replace(/\/+$/, '') + path
  try {
    const answer = await ask(url)
    return found(check, url, answer.status, judge(answer))
  } catch (error) {
    if ((error as Error).name === 'TimeoutError') {
      return fault(
        check,
        `no answer at ${url} in ${PATIENCE_MS / 1_000} s`,
        'see ClickHouse above: it may wait for that',
      )
    }
    if (!isOtherTongue(error)) return fault(check, `nothing answers at ${url}`, `start it with '${ourCommand()} up'`)
    const todo = `see what listens there; if it is Cyclewatch and ingest.tls has changed, start '${ourCommand()} up' again`
    return fault(check, `what listens at ${url} does not speak ${new URL(url).protocol.slice(0, -1)}`, todo)
  }
}

/** TLS where plain HTTP is spoken, the other way round, or neither. */
function isOtherTongue(error: unknown): boolean {
  const { code = '', cause } = error as { code?: string; cause?: { code?: string } }
  return /^(EPROTO|ERR_SSL|ECONNRESET|UND_ERR_SOCKET|HPE_)/.test(cause?.code ?? String(code))
}

function found(check: string, url: string, status: number, verdict: Verdict): Finding {
  switch (verdict.is) {
    case 'ready':
      return good(check, `answers at ${url}${verdict.says ?? ''}`)
    case 'faulty':
      return fault(check, `answers at ${url}, ${verdict.says}`, verdict.todo)
    case 'not ours':
      return fault(
        check,
        `${url} answers ${status}, not as Cyclewatch does`,
        `see what listens there, or set ${check.toLowerCase()}.listen`,
      )
  }
}

const SOON_MS = 14 * 86_400_000

/** A GET is refused there with the status that OTLP/HTTP asks for. */
function judgeIngest({ status, certificate }: Answer, tls: CertificateFiles | null, now: number): Verdict {
  if (status !== 405) return { is: 'not ours' }
  if (tls === null || certificate === null) return { is: 'ready' }
  const configured = readText(tls.cert)
  if (typeof configured === 'string' && !certificate.raw.equals(new X509Certificate(configured).raw)) {
    const todo = `start '${ourCommand()} up' again: it reads the file when it starts`
    return { is: 'faulty', says: 'with another certificate than ingest.tls.cert holds', todo }
  }
  const left = certificate.validToDate.getTime() - now
  const day = certificate.validToDate.toISOString().slice(0, 10)
  const todo = `put a newer one into ingest.tls.cert, and start '${ourCommand()} up' again`
  if (left <= 0) return { is: 'faulty', says: `with a certificate that ended on ${day}`, todo }
  if (left < SOON_MS) return { is: 'faulty', says: `with a certificate that ends on ${day}`, todo }
  return { is: 'ready', says: `, certificate until ${day}` }
}

function judgeApi({ status, body }: Answer): Verdict {
  if (healthAnswer.safeParse(body).success) return { is: 'ready' }
  const refusal = errorAnswer.safeParse(body)
  if (!refusal.success || status !== 503) return { is: 'not ours' }
  const todo = `mend its ClickHouse, or run '${ourCommand()} migrate'; the API then goes on by itself`
  return { is: 'faulty', says: `not ready: ${refusal.data.error.message}`, todo }
}
