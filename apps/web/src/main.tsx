/** The web app: the desk for raters, the studio for researchers. */
import "@fontsource-variable/inter";
import "@fontsource-variable/source-serif-4";
import "./design/tokens.css";
import "./design/app.css";
import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import {
  createRootRoute,
  createRoute,
  createRouter,
  Link,
  Navigate,
  Outlet,
  RouterProvider,
  useLocation,
  useSearch,
} from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import type { Me } from "@tiller/schema";
import { ApiError, asking } from "./api.ts";
import { ImportPage } from "./data/import.tsx";
import { WebhooksPage } from "./data/webhooks.tsx";
import { Empty, Failed, Loading, ThemeButton } from "./design/components.tsx";
import { ControlPage } from "./control/page.tsx";
import { Desk } from "./desk/desk.tsx";
import { InboxPage } from "./desk/inbox.tsx";
import { MyWork } from "./desk/me.tsx";
import { Experiments, ExperimentsPlace } from "./experiments/list.tsx";
import { StartPlace, StartExperiment } from "./experiments/start.tsx";
import { NewTriggerPage } from "./experiments/trigger-form.tsx";
import { Triggers } from "./experiments/triggers.tsx";
import { DisagreementsPage } from "./quality/disagreements.tsx";
import { GoldPage } from "./quality/gold.tsx";
import { QualityPage } from "./quality/overview.tsx";
import { RaterPage } from "./quality/rater.tsx";
import { FeedbackPage, ThreadsPage } from "./quality/threads.tsx";
import { ProjectItemPage } from "./projects/item.tsx";
import { ProjectsPage } from "./projects/list.tsx";
import { NewProjectPage } from "./projects/new.tsx";
import { ProjectPage, ResultsPlace } from "./projects/results.tsx";
import { JoiningPage } from "./join/joining.tsx";
import { AccountPage } from "./people/account.tsx";
import { AuditPage } from "./people/audit.tsx";
import { JoinPage } from "./people/join.tsx";
import { PayPage } from "./people/pay.tsx";
import { QualificationsPage } from "./people/qualifications.tsx";
import { RosterPage } from "./people/roster.tsx";
import { SignIn } from "./people/sign-in.tsx";
import { WorkPage } from "./people/work.tsx";
import { DatasetPage } from "./data/dataset.tsx";
import { ExperimentPage } from "./experiments/experiment.tsx";
import { LineagePage } from "./models/lineage.tsx";
import { ModelsPage } from "./models/models.tsx";
import { Playground } from "./models/playground.tsx";
import { PreviewsPage } from "./task/previews.tsx";
import { TracePage } from "./trace/page.tsx";
import { Place } from "./trace/tree.ts";
import { DelegationPage } from "./work/delegation.tsx";

const client = new QueryClient({ defaultOptions: { queries: { retry: 1, staleTime: 2000 } } });
const useMe = () => useQuery({ ...asking("me"), retry: false });

function Shell() {
  const me = useMe();
  const { pathname } = useLocation();
  if (pathname.startsWith("/join/")) return <Outlet />; // an invitation comes before the account
  if (me.isPending)
    return (
      <main>
        <Loading />
      </main>
    );
  if (me.error)
    return (
      <main>
        {me.error instanceof ApiError && me.error.status === 401 ? (
          <SignIn />
        ) : (
          <Failed error={me.error} retry={() => void me.refetch()} />
        )}
      </main>
    );
  const staff = me.data.role !== "rater";
  return (
    <>
      <header className="bar">
        <Link to="/" className="mark">
          Tiller
        </Link>
        <nav aria-label="Main">
          {staff && (
            <Link
              to="/studio/experiments"
              search={{}}
              className={/^\/studio\/(?!tasks)/.test(pathname) ? "active" : ""}
            >
              Experiments
            </Link>
          )}
          {staff && <Link to="/projects">Projects</Link>}
          {staff && <Link to="/control">Control room</Link>}
          {staff && <Link to="/people">People</Link>}
          {staff && <Link to="/studio/tasks">Tasks</Link>}
          {staff && <Link to="/delegation">Delegation</Link>}
          {staff && <Link to="/playground">Playground</Link>}
          {staff && <Link to="/quality">Quality</Link>}
          {staff && <Link to="/desk/inbox">Inbox</Link>}
          <Link to="/desk" activeOptions={{ exact: true }}>
            Desk
          </Link>
          <Link to="/desk/me">My work</Link>
          <Link to="/feedback">Feedback</Link>
        </nav>
        <Link className="quiet small" to="/account">
          {me.data.name}
        </Link>
        <ThemeButton />
      </header>
      <Outlet />
    </>
  );
}
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
const Home = () => (useMe().data?.role === "rater" ? <Navigate to="/desk" /> : <ToExperiments />);

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <main>
      <Empty title="There is no such page">
        <Link to="/">Go to the start</Link>
      </Empty>
    </main>
  ),
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
  createRoute({
    getParentRoute: () => root,
    path: "/projects/$id",
    component: ProjectPage,
    validateSearch: ResultsPlace,
  }),
  page("/control", ControlPage),
  page("/people", withMe(RosterPage)),
  page("/people/work", withMe(WorkPage)),
  page("/people/joining", withMe(QualificationsPage)),
  page("/people/pay", withMe(PayPage)),
  page("/people/audit", withMe(AuditPage)),
  page("/account", AccountPage),
  page("/join/$token", JoinPage),
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
  page("/studio/datasets/$id", DatasetPage),
]);
const router = createRouter({ routeTree });
declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
createRoot(document.getElementById("root")!).render(
  <QueryClientProvider client={client}>
    <RouterProvider router={router} />
  </QueryClientProvider>,
);
