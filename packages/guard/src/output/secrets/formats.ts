import { hasChecksum, isJwt, isPem } from "./checks.ts";
import { entropyOf, isStandIn, isStandInPassword } from "./placeholder.ts";

/** How one kind of secret is written. */
export interface SecretFormat {
  /** As findings and replacements name it. */
  readonly kind: string;
  /** Cheap look before the expression: one of these is in every text that has such a secret. */
  readonly hints: readonly string[];
  /** Global, with indices; group 1 is the secret. Repeats are bounded or start at one place, so that it is linear. */
  readonly pattern: RegExp;
  /** Whether a match is a secret; gets group 1 and the whole match. */
  readonly accepts: (secret: string, match: string) => boolean;
}

/** No letter or digit before, unless it belongs to an escape such as `\n`. */
const START = String.raw`(?<!(?<!\\)[A-Za-z0-9])`;
/** None after. */
const END = "(?![A-Za-z0-9])";

const isRandom = (secret: string): boolean => !isStandIn(secret) && entropyOf(secret) >= 2.8;

function format(kind: string, hints: readonly string[], source: string, accepts = isRandom): SecretFormat {
  return { kind, hints, pattern: new RegExp(`${START}(${source})${END}`, "dg"), accepts };
}

const PEM_LABEL = "(?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----";

/** Builds the list of formats; a `pattern` has a place where it goes on, so a list belongs to one finder. */
export function secretFormats(): SecretFormat[] {
  return [
    {
      kind: "private_key",
      hints: ["PRIVATE KEY"],
      // Headers of old PEM files, then base64, also as a string of a program. Cut off it counts as well, also inside of
      // its last line.
      pattern: new RegExp(
        String.raw`(-----BEGIN ${PEM_LABEL}(?:\s{0,2}[A-Za-z-]{1,20}: [^\r\n\\]{1,100}(?:\\[rn]|\s)){0,4}[A-Za-z0-9+/=\s\\"',]*(?:-----END ${PEM_LABEL}|-{1,5}(?:E(?:N(?:D[A-Z0-9 ]{0,60}-{0,4})?)?)?$)?)`,
        "dg",
      ),
      accepts: isPem,
    },
    {
      kind: "jwt",
      hints: ["eyJ"],
      pattern: new RegExp(`${START}(eyJ[\\w-]{10,200}\\.eyJ[\\w-]{6}[\\w.-]*)`, "dg"),
      accepts: isJwt,
    },
    format("aws_access_key_id", ["AKIA", "ASIA", "ABIA", "ACCA"], "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    format("github_token", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], "gh[pousr]_[A-Za-z0-9]{36,251}", (secret) => {
      const body = secret.slice(4);
      return isRandom(body) && (body.length > 36 || hasChecksum(body));
    }),
    format("github_token", ["github_pat_"], "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    format("npm_token", ["npm_"], "npm_[A-Za-z0-9]{36}", (secret) => hasChecksum(secret.slice(4))),
    format("gitlab_token", ["glpat-"], "glpat-[\\w-]{20,60}"),
    format("openai_key", ["T3BlbkFJ"], "sk-(?:(?:proj|svcacct|admin)-)?[\\w-]{20,120}T3BlbkFJ[\\w-]{20,120}"),
    format("anthropic_key", ["sk-ant-"], "sk-ant-[a-z]{3,8}\\d\\d-[\\w-]{80,120}"),
    format("google_key", ["AIza"], "AIza[\\w-]{35}"),
    format("google_oauth_secret", ["GOCSPX-"], "GOCSPX-[\\w-]{28}"),
    format("google_oauth_token", ["ya29."], "ya29\\.[\\w-]{30,220}"),
    format("slack_token", ["xox"], "xox[abeoprs]-(?:\\d-)?\\d{6,14}-[A-Za-z0-9-]{10,150}"),
    format("slack_token", ["xapp-"], "xapp-\\d-[A-Z0-9]{9,14}-\\d{9,16}-[a-f0-9]{40,80}"),
    format(
      "slack_webhook",
      ["hooks.slack.com"],
      "https://hooks\\.slack\\.com/services/T\\w{6,14}/B\\w{6,14}/\\w{16,32}",
    ),
    format("stripe_key", ["k_live_"], "[sr]k_live_[A-Za-z0-9]{20,120}"),
    format("stripe_webhook_secret", ["whsec_"], "whsec_[A-Za-z0-9+/=]{24,64}"),
    format("huggingface_token", ["hf_"], "hf_[A-Za-z]{34}"),
    format("pypi_token", ["pypi-AgE"], "pypi-AgE[\\w-]{50,200}"),
    format("sendgrid_key", ["SG."], "SG\\.[\\w-]{22}\\.[\\w-]{43}"),
    format("twilio_key", ["SK"], "SK[0-9a-f]{32}"),
    format("telegram_token", [":AA"], "\\d{8,10}:AA[\\w-]{33}"),
    format("digitalocean_token", ["_v1_"], "do[opr]_v1_[a-f0-9]{64}"),
    format("shopify_token", ["shp"], "shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    format("crucible_key", ["crucible_"], "crucible_[\\w-]{43}"),
    {
      kind: "azure_account_key",
      hints: ["AccountKey=", "SharedAccessKey="],
      pattern: /(?:Account|SharedAccess)Key=([A-Za-z0-9+/]{43,86}={1,2})/dg,
      accepts: isRandom,
    },
    {
      kind: "connection_password",
      hints: ["://"],
      pattern: new RegExp(
        String.raw`(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,24}://[^\s:@/'"<>\\]{0,64}:([^\s@/'"<>\\]{6,100})@(?!localhost|127\.|example\.|host\b)[A-Za-z0-9[]`,
        "dg",
      ),
      accepts: (secret) => !isStandInPassword(secret),
    },
  ];
}
