/**
 * First host uid of the sandboxes. systemd's UIDS-GIDS document gives out ranges up to 1879048191 and
 * leaves the rest up to 2^31 - 1 unused.
 */
const FIRST_UID = 1_879_048_192;
export const MAX_SLOTS = 64;
/** Highest pid that Linux can be set to (PID_MAX_LIMIT, 2^22): 2^22 * 64 uids fill the unused range exactly. */
const MAX_PID = 4_194_304;

/**
 * The host uid (and gid) of a running slot. It belongs to nobody, is never 0, and differs between slots and
 * between Crucible processes of one pid namespace, so that no run can signal or trace another even if
 * its namespaces fail.
 */
export function slotUid(slot: number): number {
  if (slot < 0 || slot >= MAX_SLOTS) throw new RangeError(`slot ${slot} is not below ${MAX_SLOTS}`);
  return FIRST_UID + (process.pid % MAX_PID) * MAX_SLOTS + slot;
}
