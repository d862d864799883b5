-- What delegates work is a rule; a policy is a model. The keys inside a rule's body stay as they were saved.
alter table policy rename to delegation_rule;
alter index policy_pkey rename to delegation_rule_pkey;
alter index policy_live rename to delegation_rule_live;
