/** Where a ClickHouse server listens for HTTP, and as whom to speak to it. */
export type Server = { url: string; user: string; password: string }
