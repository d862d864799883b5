/** The page of `tiller task preview FILE`: the previews alone, without a server of Tiller behind them. */
import "@fontsource-variable/inter";
import "@fontsource-variable/source-serif-4";
import "../design/tokens.css";
import "../design/app.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { applyTheme } from "../design/components.tsx";
import { PreviewsPage } from "./previews.tsx";

applyTheme();
createRoot(document.getElementById("root")!).render(
  <QueryClientProvider client={new QueryClient()}>
    <PreviewsPage />
  </QueryClientProvider>,
);
