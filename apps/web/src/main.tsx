/** The web app: the desk for raters, the studio for researchers. */
import "@fontsource-variable/inter";
import "@fontsource-variable/source-serif-4";
import "./design/tokens.css";
import "./design/app.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import {
  createRootRoute,
  createRoute,
  createRouter,
  Navigate,
  RouterProvider,
  useSearch,
} from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import type { Me } from "@tiller/schema";
import { ApiError } from "./api.ts";
import { base } from "./base.ts";
import { ImportPage } from "./data/import.tsx";
import { WebhooksPage } from "./data/webhooks.tsx";
import { applyTheme, Loading } from "./design/components.tsx";
import { ControlPage } from "./control/page.tsx";
import { Desk } from "./desk/desk.tsx";
import { FeedbackPage } from "./desk/feedback.tsx";
import { InboxPage } from "./desk/inbox.tsx";
import { MyWork } from "./desk/me.tsx";
import { ComparePage, ComparePlace } from "./experiments/compare.tsx";
import { Experiments, ExperimentsPlace } from "./experiments/list.tsx";
import { StartPlace, StartExperiment } from "./experiments/start.tsx";
import { NewTriggerPage } from "./experiments/trigger-form.tsx";
import { Triggers } from "./experiments/triggers.tsx";
import { DisagreementsPage } from "./quality/disagreements.tsx";
import { GoldPage } from "./quality/gold.tsx";
import { QualityPage } from "./quality/overview.tsx";
import { RaterPage } from "./quality/rater.tsx";
import { ThreadsPage } from "./quality/threads.tsx";
import { ProjectItemPage } from "./projects/item.tsx";
import { KindPage } from "./projects/kind-page.tsx";
import { ProjectsPage } from "./projects/list.tsx";
import { NewProjectPage } from "./projects/new.tsx";
import { ResultsPlace } from "./projects/items-table.tsx";
import { ProjectPage } from "./projects/results.tsx";
import { JoiningPage } from "./join/joining.tsx";
import { AccountPage } from "./people/account.tsx";
import { AuditPage } from "./people/audit.tsx";
import { JoinPage } from "./people/join.tsx";
import { PayPage } from "./people/pay.tsx";
import { QualificationsPage } from "./people/qualifications.tsx";
import { RosterPage } from "./people/roster.tsx";
import { SignInPage, SignInPlace } from "./people/sign-in.tsx";
import { WorkPage } from "./people/work.tsx";
import { DatasetPage } from "./data/dataset.tsx";
import { DatasetPlace } from "./data/dataset-place.ts";
import { DatasetsPage } from "./data/datasets.tsx";
import { ExperimentPage } from "./experiments/experiment.tsx";
import { LineagePage } from "./models/lineage.tsx";
import { ModelsPage } from "./models/models.tsx";
import { Playground } from "./models/playground.tsx";
import { BesidePage, BesidePlace } from "./books/beside.tsx";
import { BooksPage } from "./books/list.tsx";
import { BookPage, BookPlace } from "./books/page.tsx";
import { LobbyPage } from "./rooms/lobby.tsx";
import { MyRooms } from "./rooms/mine.tsx";
import { NewRoomPage } from "./rooms/new.tsx";
import { RoomPage } from "./rooms/page.tsx";
import { NoSuchPage, Shell, useMe } from "./shell/shell.tsx";
import { PreviewsPage } from "./task/previews.tsx";
import { TracePage } from "./trace/page.tsx";
import { Place } from "./trace/tree.ts";
import { DelegationPage } from "./work/delegation.tsx";

/** Once more, except where the server has said no. */
const retry = (failures: number, e: Error) =>
  failures < 1 && !(e instanceof ApiError && e.status < 500);
const client = new QueryClient({ defaultOptions: { queries: { retry, staleTime: 2000 } } });
/** A page that needs to know who looks at it. */
const withMe = (Page: (p: { me: Me }) => React.JSX.Element) =>
  function WithMe() {
    const me = useMe().data;
    return me ? <Page me={me} /> : <Loading />;
  };
const ToExperiments = () => (
  <Navigate
    to="/studio/experiments"
    search={ExperimentsPlace.parse(useSearch({ strict: false }))}
    replace
  />
);
const starts = { rater: "/desk", lead: "/projects", admin: "/people" } as const;
const Home = () => {
  const role = useMe().data?.role;
  return role && role in starts ? (
    <Navigate to={starts[role as keyof typeof starts]} replace />
  ) : (
    <ToExperiments />
  );
};

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NoSuchPage,
});
const page = <P extends string>(path: P, component: () => React.JSX.Element) =>
  createRoute({ getParentRoute: () => root, path, component });
const routeTree = root.addChildren([
  page("/", Home),
  page("/desk", Desk),
  page("/desk/me", MyWork),
  page("/desk/inbox", InboxPage),
  page("/feedback", FeedbackPage),
  page("/quality", QualityPage),
  page("/quality/raters/$id", RaterPage),
  page("/quality/disagreements", DisagreementsPage),
  page("/quality/gold", GoldPage),
  page("/quality/threads", ThreadsPage),
  page("/joining", JoiningPage),
  page("/delegation", DelegationPage),
  page("/policies", () => <Navigate to="/delegation" replace />), // as it was before
  page("/projects", ProjectsPage),
  page("/projects/new", NewProjectPage),
  page("/projects/$id/items/$place", ProjectItemPage),
  page("/projects/$id/kind", KindPage),
  createRoute({
    getParentRoute: () => root,
    path: "/projects/$id",
    component: ProjectPage,
    validateSearch: ResultsPlace,
  }),
  page("/control", ControlPage),
  page("/books", BooksPage),
  createRoute({
    getParentRoute: () => root,
    path: "/books/$id",
    component: BookPage,
    validateSearch: BookPlace,
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/books/$id/beside/$other",
    component: BesidePage,
    validateSearch: BesidePlace,
  }),
  page("/control/rooms", LobbyPage),
  page("/control/rooms/new", NewRoomPage),
  page("/rooms", MyRooms),
  page("/rooms/$id", RoomPage),
  page("/people", withMe(RosterPage)),
  page("/people/work", withMe(WorkPage)),
  page("/people/joining", withMe(QualificationsPage)),
  page("/people/pay", withMe(PayPage)),
  page("/people/audit", withMe(AuditPage)),
  page("/account", AccountPage),
  page("/join/$token", JoinPage),
  createRoute({
    getParentRoute: () => root,
    path: "/sign-in",
    component: SignInPage,
    validateSearch: SignInPlace,
  }),
  page("/studio", ToExperiments),
  page("/studio/runs", ToExperiments), // as it was before
  page("/studio/webhooks", WebhooksPage),
  page("/studio/import", ImportPage),
  page("/playground", Playground),
  page("/studio/experiments/$id", ExperimentPage),
  createRoute({
    getParentRoute: () => root,
    path: "/studio/experiments",
    component: Experiments,
    validateSearch: ExperimentsPlace,
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/studio/compare",
    component: ComparePage,
    validateSearch: ComparePlace,
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/studio/start",
    component: StartExperiment,
    validateSearch: StartPlace,
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/studio/experiments/$id/trace",
    component: TracePage,
    validateSearch: Place,
  }),
  page("/studio/triggers", Triggers),
  page("/studio/triggers/new", NewTriggerPage),
  page("/studio/checkpoints", ModelsPage),
  page("/studio/checkpoints/$id", LineagePage),
  page("/studio/tasks", PreviewsPage),
  page("/studio/datasets", DatasetsPage),
  createRoute({
    getParentRoute: () => root,
    path: "/studio/datasets/$id",
    component: DatasetPage,
    validateSearch: DatasetPlace,
  }),
]);
const router = createRouter({ routeTree, basepath: base || "/" });
declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
applyTheme();
createRoot(document.getElementById("root")!).render(
  <QueryClientProvider client={client}>
    <RouterProvider router={router} />
  </QueryClientProvider>,
);
