// The section `api` of the configuration.

import { z } from 'zod'
import { BadInput, messageOf } from '#model/errors.ts'

/** Where a server listens. Port 0 is any free one. */
export type Address = { host: string; port: number }

/** Reads `host:port`; an IPv6 host stands in brackets, as in `[::1]:4380`. Throws BadInput. */
export function parseAddress(text: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (!host || port > 65_535)
    throw new BadInput(`must be host:port such as 127.0.0.1:4380 or [::1]:4380, not '${text}'`)
  return { host, port }
}

const httpUrl = z.string().refine((text) => {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.password
}, 'must be an http or https URL without user and password')

export const apiConfig = z.strictObject({
  listen: z
    .string('must be host:port such as 127.0.0.1:4380')
    .superRefine((text, { addIssue }) => {
      try {
        parseAddress(text)
      } catch (error) {
        addIssue(messageOf(error))
      }
    })
    .default('127.0.0.1:4380'),
  /** Where people reach the web page, when that is not `listen`: behind a proxy, say. For links in messages. */
  publicUrl: httpUrl.exactOptional(),
})
export type ApiConfig = z.output<typeof apiConfig>
