// What the tests of the caches share: a cycle to look things up in, a real upstream, time to move, stores to try.

import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { trace } from '@opentelemetry/api'
import { Agent, request as ask } from 'undici'
import { afterEach, vi } from 'vitest'
import { fetchCachedIn, type HttpCacheOptions } from '#collector/cache/http.ts'
import type { HttpAnswer, HttpRequest, Served } from '#collector/cache/http-shelf.ts'
import { memoryStore } from '#collector/cache/memory-store.ts'
import { sqliteStore } from '#collector/cache/sqlite-store.ts'
import type { CacheStore } from '#collector/cache/stores.ts'
import { decode } from '#collector/fetch/decode.ts'
import { begin, type Ongoing } from '#collector/ongoing.ts'
import { serve } from '#test/collector/receiver.ts'

const leaving: (() => unknown)[] = []

/** Undone in reverse order when the test is over. */
export function finally_(undo: () => unknown): void {
  leaving.push(undo)
}

afterEach(async () => {
  for (const undo of leaving.splice(0).reverse()) await undo()
  vi.useRealTimers()
})

export function newOngoing(): Ongoing {
  const tracer = trace.getTracer('test')
  return begin('coins', tracer, {}, (startTime) => tracer.startSpan('coins', { root: true, startTime }))
}

export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-cache-'))
  finally_(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Both stores, for tables. */
export const STORES: { kind: string; open: () => CacheStore }[] = [
  { kind: 'memory', open: () => memoryStore({ maxBytes: 1_000_000 }) },
  {
    kind: 'sqlite',
    open: () => {
      const store = sqliteStore(join(tempFolder(), 'cache.db'), { maxBytes: 1_000_000 })
      finally_(() => store.close())
      return store
    },
  },
]

/** From now on the wall clock stands still, and this moves it. */
export function standStill(): (seconds: number) => void {
  vi.useFakeTimers({ toFake: ['Date'] })
  return (seconds) => void vi.setSystemTime(Date.now() + seconds * 1_000)
}

export type Heard = { method: string; path: string; headers: IncomingHttpHeaders }
type Answering = (response: ServerResponse, heard: Heard, count: number) => void

/** An upstream that says nothing of its own (`Date`) and keeps what it heard. */
export async function startUpstream(answering: Answering): Promise<{ url: string; heard: Heard[] }> {
  const heard: Heard[] = []
  const server = await serve((request: IncomingMessage, response) => {
    const { method = '', url: path = '', headers } = request
    heard.push({ method, path, headers })
    response.sendDate = false
    answering(response, heard.at(-1) as Heard, heard.length)
  })
  finally_(() => server.close())
  return { url: server.url, heard }
}

export type Fetching = {
  get(url: string, options?: Asking): Promise<Served & { text: string }>
  ongoing: Ongoing
  /** How often the network was used, and how often in the background. */
  sent: { foreground: number; background: number }
}

type Asking = { method?: string; headers?: Record<string, string>; signal?: AbortSignal; cache?: HttpCacheOptions }

/** run.fetch in small: real requests, decoded bodies, no retries. */
export function fetching(cache: HttpCacheOptions): Fetching {
  const agent = new Agent()
  finally_(() => agent.destroy())
  const ongoing = newOngoing()
  const sent = { foreground: 0, background: 0 }
  const send = async (request: HttpRequest, { isBackground }: { isBackground: boolean }): Promise<HttpAnswer> => {
    sent[isBackground ? 'background' : 'foreground'] += 1
    const { url, method, headers, signal } = request
    const options = { method: method as 'GET', headers, dispatcher: agent, ...(signal ? { signal } : {}) }
    const { statusCode, headers: given, body } = await ask(url, options)
    const encoding = given['content-encoding'] as string | undefined
    const whole = await decode(encoding, Buffer.from(await body.arrayBuffer()), 1e9)
    return { status: statusCode, headers: given, body: whole }
  }
  return {
    ongoing,
    sent,
    async get(url, { method = 'GET', headers = {}, signal, cache: other } = {}) {
      const request = { url: new URL(url), method, headers: Object.entries(headers).flat(), signal }
      const served = await fetchCachedIn(ongoing, request, other ?? cache, send)
      return { ...served, text: served.body.toString() }
    },
  }
}

/** Resolves once this is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Asks until something new has come in the background. */
export async function untilFresh(get: () => Promise<{ cache: string }>): Promise<void> {
  while ((await get()).cache !== 'fresh') await new Promise((resolve) => setTimeout(resolve, 2))
}
