export { ConfigError, loadConfig, type Config, type Role } from "./config.ts";
export { DataDirInUseError } from "./data-dir.ts";
export { startServer, untilStopSignal, type RunningServer } from "./main.ts";
