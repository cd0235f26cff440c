// Bundles the dashboard into the directory that is named: index.html, app.js and app.css.
import { build } from "esbuild";
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2];
mkdirSync(target, { recursive: true });
await build({
  entryPoints: { app: join(here, "src/main.js"), style: join(here, "src/style.css") },
  outdir: target,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
});
copyFileSync(join(here, "src/index.html"), join(target, "index.html"));
