// What a check of doctor says.

/** `details` are further lines about what was found; `todo` is the next step for a person: only faults have one. */
export type Finding = { check: string; says: string; details?: string[] } & (
  | { state: 'good' }
  | { state: 'fault'; todo: string }
)

export function good(check: string, says: string): Finding {
  return { check, state: 'good', says }
}

export function fault(check: string, says: string, todo: string): Finding {
  return { check, state: 'fault', says, todo }
}
