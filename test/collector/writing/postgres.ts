// A real PostgreSQL (PGlite) that speaks its wire protocol on a free port of loopback.

import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

export type Postgres = {
  /** What a Client or Pool of `pg` takes. */
  connection: { host: string; port: number; user: string; database: string }
  /** Both run in the server itself, past the wire. */
  run(sql: string): Promise<void>
  select<Row>(sql: string): Promise<Row[]>
  close(): Promise<void>
}

export async function startPostgres(): Promise<Postgres> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 8 })
  await server.start()
  const [host = '', port] = server.getServerConn().split(':')
  return {
    connection: { host, port: Number(port), user: 'postgres', database: 'postgres' },
    async run(sql) {
      await db.exec(sql)
    },
    select: async <Row>(sql: string) => (await db.query<Row>(sql)).rows,
    async close() {
      await server.stop()
      await db.close()
    },
  }
}
