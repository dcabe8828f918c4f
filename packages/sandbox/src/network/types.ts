import type { Lookup } from "./resolve.ts";

/** Why a request of a program was not carried out. */
export type RefusalReason =
  | "bad_request"
  | "not_allowed"
  | "reserved_address"
  | "unknown_name"
  | "unreachable"
  | "over_limit";

/** One request that a program made to the proxy. */
export interface NetworkRequest {
  /** As asked for, cut to 255 characters; the program's words, not to be trusted. */
  readonly host: string;
  /** Null where the request named none. */
  readonly port: number | null;
  readonly allowed: boolean;
  /** Null where it was carried out. */
  readonly reason: RefusalReason | null;
  /** Of the tunnel or of request and response bodies. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** What a run did with its network. */
export interface NetworkLog {
  /** The first ones, in their order. */
  readonly requests: readonly NetworkRequest[];
  /** Of all, also of those that are not listed. */
  readonly allowedCount: number;
  readonly deniedCount: number;
}

/** How connections get out; replaced in tests, which have no internet. */
export interface Outside {
  readonly lookup: Lookup;
  /** Where a pinned address is really connected to. Default: to itself. */
  readonly route?: (address: string, port: number) => { readonly host: string; readonly port: number };
}
