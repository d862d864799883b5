import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    rolldownOptions: {
      input: ["index.html", "preview.html"].map((f) => `${import.meta.dirname}/${f}`),
    },
  },
  server: {
    proxy: {
      "/api": "http://localhost:7070",
      "/v1": "http://localhost:7070",
      "/sign-in": "http://localhost:7070",
      "^/as/[a-z0-9-]+/(api|v1|sign-in)": "http://localhost:7070",
    },
  },
});
