// The section `api` of the configuration.

import { z } from 'zod'
import { listenConfig } from '#model/listen.ts'

const httpUrl = z.string().refine((text) => {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.password
}, 'must be an http or https URL without user and password')

export const apiConfig = z.strictObject({
  listen: listenConfig('127.0.0.1:4380'),
  /** Where people reach the web page, when that is not `listen`: behind a proxy, say. For links in messages. */
  publicUrl: httpUrl.exactOptional(),
})
