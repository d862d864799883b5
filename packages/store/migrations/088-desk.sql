-- A task that nobody began goes back soon after its page is left; it did not run out.
alter table lease add column left_at timestamptz;

-- Guidelines that called a button by another word than it bears: a correction, no new version.
update task_type set instructions = replace(instructions, 'choose **tie**', 'choose **No difference**')
  where name = 'comparison' and version = '1';
update task_type set instructions = replace(instructions, 'Judge by the **text alone**. A claim is right when the text says it or it surely follows, wrong when the text speaks against it, and else open.',
    E'Judge by the **text alone**.\n\n- **Right**: the text says it, or it surely follows.\n- **Wrong**: the text speaks against it.\n- **The text leaves it open**: neither of the two.')
  where name = 'claim-vote' and version = '1';
update task_type set instructions = replace(instructions, '1 is terrible, 4 is middling, 7 could not be better.', '**1** is terrible, **4** is middling, **7** is perfect.')
  where name = 'likert' and version = '1';
