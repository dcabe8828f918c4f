export { ConfigError, loadConfig, type Config, type Role } from "./config.ts";
export { DataDirInUseError } from "./data-dir.ts";
export { serveStub, type RunningStub, type StubAddress } from "./gateway/stub/serve-stub.ts";
export { startServer, untilStopSignal, type RunningServer } from "./main.ts";
