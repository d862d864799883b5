-- First experiments that ended say as well that simulated raters answered them, where some did.
update experiment e set agents = '{"comparison": {"kind": "people", "simulated": true}}'
  where e.agents = '{}' and e.recipe like 'better-continuations@%' and e.state not in ('running', 'held')
    and exists (select 1 from batch b join task t on t.batch = b.id join answer a on a.task = t.id join person p on p.id = a.person
      where b.experiment = e.id and p.simulated);
