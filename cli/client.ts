// Asking a running Cyclewatch over its API.

import type { z } from 'zod'
import { errorAnswer } from '#api/schemas.ts'
import { BadInput, messageOf, Unavailable } from '#model/errors.ts'
import { type Listen, listenUrl } from '#model/listen.ts'
import { loadConfig } from './config.ts'
import type { GlobalOptions, Io } from './surroundings.ts'
import { ourCommand } from './version.ts'

/** Query parameters; absent ones are left out, lists repeated. */
export type Query = Record<string, string | string[] | undefined>

/**
 * The answer to `GET path` of the server that --url or else the configuration names.
 * Throws BadInput for what the server calls a mistake, Unavailable when it cannot be reached or cannot answer now.
 */
export async function ask<Schema extends z.ZodType>(
  io: Io,
  { url, config }: GlobalOptions,
  schema: Schema,
  path: string,
  query: Query = {},
): Promise<z.output<Schema>> {
  const server = serverAt(url, () => loadConfig({ cwd: io.cwd, env: io.env, file: config }).config.api.listen)
  const address = new URL(`${server.replace(/\/+$/, '')}${path}`)
  for (const [key, value] of Object.entries(query)) {
    for (const one of [value ?? []].flat()) address.searchParams.append(key, one)
  }
  const answer = await fetch(address).catch((error: Error) => {
    throw new Unavailable(
      `no Cyclewatch answers at ${server} (${reason(error)}); start one with '${ourCommand()} up', or name it with --url`,
    )
  })
  const body: unknown = await answer.json().catch(() => null)
  if (!answer.ok) throw refusal(server, answer.status, body)
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new Unavailable(`${server} does not answer as a Cyclewatch of this version does`)
  return parsed.data
}

/** Where the API is: as --url says, or else where it listens. Throws BadInput when neither tells. */
function serverAt(url: string | undefined, configured: () => Listen): string {
  if (url !== undefined) return url
  const listen = configured()
  if (listen.port === 0) {
    throw new BadInput('api.listen takes any free port, which is not known here; name the address with --url')
  }
  return listenUrl(listen)
}

function refusal(server: string, status: number, body: unknown): Error {
  const said = errorAnswer.safeParse(body)
  if (!said.success) return new Unavailable(`${server} answered ${status}; is it a Cyclewatch?`)
  const { message } = said.data.error
  if (status >= 500) return new Unavailable(message)
  return new BadInput(asOption(message), { code: status === 404 ? 'not_found' : 'invalid' })
}

/** The API names its parameter `slowerThan`, which is the option --slower-than here. */
function asOption(message: string): string {
  return message.replace(
    /^([a-z]+[A-Z][A-Za-z]*): /,
    (_, key: string) => `${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: `,
  )
}

// What fetch itself says is only "fetch failed".
function reason(error: Error): string {
  const cause = error.cause as (Error & { code?: string }) | undefined
  return cause?.code ?? (messageOf(cause) || error.message)
}
