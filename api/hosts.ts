// Without access tokens, loopback is the wall. A web page can reach over it by pointing a name of its own at 127.0.0.1 (DNS
// rebinding), but then the browser sends that name.

import type { MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/** Refuses with 403 what was sent to another host name than loopback's and these. */
export function onlyKnownHosts(hosts: string[]): MiddlewareHandler {
  const known = [...LOOPBACK, ...hosts]
  return async (context, next) => {
    const { hostname } = new URL(context.req.url)
    if (!known.includes(hostname)) {
      throw new HTTPException(403, {
        message: `the host '${hostname}' is not known here; set api.publicUrl to allow it`,
      })
    }
    await next()
  }
}
