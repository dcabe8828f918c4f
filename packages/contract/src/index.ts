export * from "./errors.ts";
export * from "./events.ts";
export * from "./piston.ts";
export * from "./platform.ts";
export * from "./routes.ts";
export * from "./runs.ts";
