/**
 * Told at the moments between which a crash makes a difference, so that a test can crash there: the body is written but
 * not synced; synced but not answered; its segment is being posted; it is stored, but its segment not yet removed.
 */
export type Stage = (name: 'written' | 'synced' | 'posting' | 'stored') => void
