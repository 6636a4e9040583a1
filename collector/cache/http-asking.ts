// Asking the server on a cache's behalf: whether what it has is still good, and for a new answer where it is not.

import { ageOf } from '#collector/cache/ages.ts'
import { freshened, type HttpEntry, isAbout } from '#collector/cache/http-entries.ts'
import { judgedHeaders } from '#collector/cache/http-rules.ts'
import {
  type Asking,
  freshnessFor,
  type HttpAnswer,
  keep,
  type Served,
  servesErrors,
  underWay,
} from '#collector/cache/http-shelf.ts'
import type { Ruling } from '#collector/cache/rfc9111.ts'

type ToAsk = Extract<Ruling, { state: 'ask' }>

/**
 * What the server answers; what is stored when that is still good, or when the server fails and it may be served instead.
 * Nobody waits for an answer in the background, so there a failing server is an error whatever is stored.
 */
export function askServer(
  asking: Asking,
  found: HttpEntry | undefined,
  ruling: ToAsk,
  isBackground: boolean,
): Promise<Served> {
  const { request, clock } = asking
  return underWay(asking, async (isVoid) => {
    const askedAt = clock.monotonic()
    const sent = await sendOf(asking, found, ruling, isBackground)
    if (sent.state === 'failed') {
      const isWanted = !isBackground && !request.signal?.aborted
      if (isWanted && found && ruling.failed(new Error()) && servesErrors(asking, found)) return stale(asking, found)
      throw sent.error
    }
    const { answer, isRevalidated } = sent
    if (isBackground && answer.status >= 500) throw failedStatus(answer.status)
    const headers = judgedHeaders(answer.headers, freshnessFor(asking, answer.status))
    const judgement = ruling.answered(answer.status, headers)
    if (judgement.isFromStore && found && servesErrors(asking, found)) return stale(asking, found)
    const delayMs = answer.delayMs ?? clock.monotonic() - askedAt
    if (!judgement.isFromStore && !isVoid()) await keep(asking, answer, delayMs, judgement)
    return { ...answer, cache: isRevalidated ? 'revalidated' : 'miss' }
  })
}

/** What is stored, as an answer: RFC 9111 wants its age told. */
export function fromStore(asking: Asking, { status, headers, at, body }: HttpEntry): HttpAnswer {
  const seconds = Math.floor((ageOf(at, asking.clock) ?? 0) / 1_000)
  return { status, headers: { ...headers, age: String(seconds) }, body }
}

function stale(asking: Asking, found: HttpEntry): Served {
  return { ...fromStore(asking, found), cache: 'stale' }
}

/** With the `error.type` of an attempt that was answered so. */
function failedStatus(status: number): Error {
  return Object.assign(new Error(`the server answered ${status}`), { code: String(status) })
}

type Sent = { state: 'answered'; answer: HttpAnswer; isRevalidated: boolean } | { state: 'failed'; error: unknown }

/**
 * A 304 becomes the whole answer it stands for, with its own headers, and is judged like one. (undici would drop the
 * entry when a 304 brings new headers, and without them would never count it as fresh again.)
 */
async function sendOf(
  { request, send }: Asking,
  found: HttpEntry | undefined,
  { conditions }: ToAsk,
  isBackground: boolean,
): Promise<Sent> {
  const asked = Object.entries(conditions).flat()
  try {
    const conditional = asked.length === 0 ? request : { ...request, headers: [...request.headers, ...asked] }
    const answer = await send(conditional, { isBackground })
    if (answer.status !== 304 || asked.length === 0 || !found)
      return { state: 'answered', answer, isRevalidated: false }
    if (!isAbout(found, answer.headers)) {
      return { state: 'answered', answer: await send(request, { isBackground }), isRevalidated: false }
    }
    const headers = freshened(found.headers, answer.headers)
    const whole = { ...answer, status: found.status, headers, body: found.body }
    return { state: 'answered', answer: whole, isRevalidated: true }
  } catch (error) {
    return { state: 'failed', error }
  }
}
