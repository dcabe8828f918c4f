import { ApiError } from "@crucible/contract";
import { checkNetwork, SpecError } from "@crucible/sandbox";

/** The refusal of a run that asks for more network than the operator allows; null where it may have it. */
export function refuseNetwork(wanted: readonly string[], allowed: readonly string[]): ApiError | null {
  try {
    checkNetwork(wanted, allowed);
    return null;
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    const code = error.code === "network_not_allowed" ? error.code : "invalid_request";
    return new ApiError(code, error.message, { field: error.field });
  }
}
