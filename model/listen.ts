// Where a server listens, as people write it: `127.0.0.1:4318`, `localhost:0`, `[::1]:4318`.

import { z } from 'zod'
import { BadInput, messageOf } from './errors.ts'

/** `host` without brackets; `port` 0 takes any free one. */
export type Listen = { host: string; port: number }

const FORM = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)):(\d{1,5})$/

/** Throws BadInput unless `text` is a host (IPv6 in brackets) and a port from 0 to 65535. */
export function parseListen(text: string): Listen {
  const [, address, name, port] = FORM.exec(text.trim()) ?? []
  const host = address ?? name
  if (host === undefined || Number(port) > 65_535) {
    throw new BadInput(`'${text}' is not host:port; write for example 127.0.0.1:4318, or [::1]:4318 for IPv6`)
  }
  return { host, port: Number(port) }
}

/** A key `listen` of the configuration: text outside, `Listen` inside. */
export function listenConfig(byDefault: string) {
  return z
    .string()
    .default(byDefault)
    .transform((text, context) => {
      try {
        return parseListen(text)
      } catch (error) {
        context.addIssue({ code: 'custom', message: messageOf(error) })
        return z.NEVER
      }
    })
}

/** The URL of what listens there. */
export function listenUrl({ host, port }: Listen, scheme: 'http' | 'https' = 'http'): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
