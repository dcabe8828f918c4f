import { defineConfig } from "vitest/config";

/**
 * What measures time or ends processes is at the mercy of a busy machine. `npm test` names every test that passed only
 * the second time; checks of isolation have no second time: in the contract (packages/sandbox/src/testing/contract.ts), of
 * forked Python and of hostile programs on wasm.
 */
const RETRIES = 1;

/**
 * Three groups, run one after the other (`groupOrder`), so that what measures time or the host's state
 * never shares the machine with other tests.
 */
export default defineConfig({
  test: {
    // No unit test needs longer; a hanging one is a bug that should be seen soon.
    testTimeout: 15_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "packages/*/src/**/*.test.ts",
            "apps/*/src/**/*.test.ts",
            "bench/**/*.test.ts",
            "scripts/**/*.test.ts",
          ],
          exclude: ["**/node_modules/**", "**/*.serial.test.ts"],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: [
            "packages/*/test/**/*.test.ts",
            "apps/*/test/**/*.test.ts",
            "test/**/*.test.ts",
            "examples/**/*.test.ts",
            "**/*.serial.test.ts",
          ],
          exclude: ["**/node_modules/**", "**/*.fault.test.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          retry: RETRIES,
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "fault",
          include: ["**/*.fault.test.ts"],
          exclude: ["**/node_modules/**"],
          fileParallelism: false,
          testTimeout: 600_000,
          retry: RETRIES,
          hookTimeout: 180_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
