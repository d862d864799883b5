/** The trace viewer alone, as one script and one style with the fonts inside: an exported experiment carries both. */
import path from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  define: { "process.env.NODE_ENV": '"production"' },
  build: {
    outDir: "dist/viewer",
    emptyOutDir: true,
    assetsInlineLimit: 10_000_000,
    cssCodeSplit: false,
    lib: {
      entry: path.join(import.meta.dirname, "src/trace/offline.tsx"),
      formats: ["iife"],
      name: "tillerTrace",
      fileName: () => "viewer.js",
      cssFileName: "viewer",
    },
  },
});
