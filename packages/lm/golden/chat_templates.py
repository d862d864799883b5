"""Makes chat-templates.json: ten templates, written in the manner of published families, and what transformers makes of them.

    pip install transformers==5.18.0 jinja2 && python packages/lm/golden/chat_templates.py
"""
import json
import pathlib

from transformers.utils.chat_template_utils import render_jinja_template

templates = {
    "chatml": """{% for message in messages %}{% if loop.first and message['role'] != 'system' %}{{ '<|im_start|>system\nYou are helpful.<|im_end|>\n' }}{% endif %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""",
    "headers": """{{ bos_token }}{% for m in messages %}{% set content = '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}""",
    "inst": """{%- if messages[0]['role'] == 'system' -%}{%- set system = messages[0]['content'] -%}{%- set rest = messages[1:] -%}{%- else -%}{%- set rest = messages -%}{%- endif -%}
{{- bos_token -}}
{%- for m in rest -%}
    {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{- raise_exception('Roles must alternate: user, assistant') -}}{%- endif -%}
    {%- if m.role == 'user' -%}{%- if loop.last and system is defined -%}{{- '[INST] ' + system + '\n\n' + m.content + ' [/INST]' -}}{%- else -%}{{- '[INST] ' + m.content + ' [/INST]' -}}{%- endif -%}{%- else -%}{{- ' ' + m.content + eos_token -}}{%- endif -%}
{%- endfor -%}""",
    "turns": """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'].strip() ~ '\n\n' %}{% set loop_messages = messages[1:] %}{% else %}{% set first = '' %}{% set loop_messages = messages %}{% endif %}{% for m in loop_messages %}{% set role = 'model' if m.role == 'assistant' else m.role %}{{ '<start_of_turn>' ~ role ~ '\n' ~ (first if loop.first else '') ~ m.content | trim ~ '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}""",
    "thinking": """{%- set ns = namespace(last=-1) %}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
{%- for m in messages %}
{%- set content = m.content if m.content is string else '' %}
{%- set reasoning = '' %}
{%- if m.reasoning_content is string %}{% set reasoning = m.reasoning_content %}
{%- elif '</think>' in content %}{% set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}
{{- '<|im_start|>' + m.role + '\n' }}
{%- if m.role == 'assistant' and reasoning and loop.index0 > ns.last %}{{ '<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' }}{% endif %}
{{- content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}""",
    "tools": """{%- if tools %}{{ '<|im_start|>system\n' }}{% if messages[0].role == 'system' %}{{ messages[0].content + '\n\n' }}{% endif %}{{ '# Tools\n\n<tools>' }}{% for tool in tools %}{{ '\n' }}{{ tool | tojson }}{% endfor %}{{ '\n</tools><|im_end|>\n' }}{% elif messages[0].role == 'system' %}{{ '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}{% endif %}
{%- for m in messages %}
{%- if m.role == 'user' or (m.role == 'assistant' and not m.tool_calls) %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
{%- elif m.role == 'assistant' %}{{ '<|im_start|>assistant' }}{% if m.content %}{{ '\n' + m.content }}{% endif %}{% for call in m.tool_calls %}{% set call = call.function if call.function else call %}{{ '\n<tool_call>\n{"name": "' + call.name + '", "arguments": ' }}{{ call.arguments | tojson }}{{ '}\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}
{%- elif m.role == 'tool' %}{% if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{ '<|im_start|>user' }}{% endif %}{{ '\n<tool_response>\n' + m.content + '\n</tool_response>' }}{% if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{ '<|im_end|>\n' }}{% endif %}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""",
    "bars": """{% for m in messages %}{% if m['role'] in ['system', 'user'] %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% elif m['role'] == 'assistant' %}{% generation %}{{ '<|assistant|>\n' + m['content'] + '<|end|>\n' }}{% endgeneration %}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}""",
    "macros": """{%- macro turn(name, text) -%}
<{{ name | upper }}>{{ text | replace('\n', ' ') }}</{{ name | upper }}>
{%- endmacro -%}
{%- for m in messages if m.role != 'system' -%}
  {{ turn(m.role, m.content) }}{{ ' ' if not loop.last }}
{%- endfor -%}
{{- ' <ASSISTANT>' if add_generation_prompt }}""",
    "dates": """{{ bos_token }}{%- set day = date_string if date_string is defined else '26 Jul 2024' %}{{ 'Today: ' + day + '\n' }}
{%- for m in messages %}
{{ loop.index }}/{{ messages | length }} {{ m.role | capitalize }}: {{ m.content | trim | default('nothing', true) }}
{%- if m.role == 'assistant' and not loop.last %}{{ eos_token }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '\n' }}Assistant:{% endif %}""",
    "lists": """{%- for m in messages -%}
{%- set keys = m.keys() | list | sort -%}{{ keys | join(',') }};{{ m.items() | map('first') | list | length }};
{%- set words = m.content.split() -%}{{ words[:2] | join(' ') }}|{{ words | last | default('-') }}|{{ words | select('ne', 'the') | list | length }}|{{ (words | length * 2.5) | int }}
{{ m.content.startswith('A') }} {{ m.content.title() }} {{ m.role in ['user'] }} {{ m.content[::-1] }}
{% endfor %}""",
}  # fmt: skip
weather = {"type": "function", "function": {"name": "weather", "description": "The weather <now> & \"here\"", "parameters": {"type": "object", "properties": {"town": {"type": "string", "enum": ["Zürich", "東京"]}}, "required": ["town"]}}}  # fmt: skip
call = {"type": "function", "function": {"name": "weather", "arguments": {"town": "Zürich", "days": 2, "exact": True, "note": None}}}
conversations = {
    "one": [dict(role="user", content="Where is the whale?")],
    "system": [dict(role="system", content=" Be brief. "), dict(role="user", content="  Hi\n")],
    "three": [dict(role="user", content="A"), dict(role="assistant", content="B b"), dict(role="user", content="the c\nd 🐋")],
    "answered": [dict(role="system", content="S"), dict(role="user", content="Q"), dict(role="assistant", content="A")],
    "thought": [dict(role="user", content="2+2"), dict(role="assistant", content="<think>\nfour\n</think>\n\n4"), dict(role="user", content="3+3"), dict(role="assistant", content="<think>six?</think>6")],
    "reasoned": [dict(role="user", content="2+2"), dict(role="assistant", content="4", reasoning_content="two and two")],
    "calls": [dict(role="user", content="Weather?"), dict(role="assistant", content="", tool_calls=[call]), dict(role="tool", content="rain"), dict(role="tool", content="{\"a\": 1}"), dict(role="assistant", content="Rain.")],
    "twice": [dict(role="user", content="A"), dict(role="user", content="B")],
    "empty": [dict(role="user", content="")],
}  # fmt: skip
variables = [dict(), dict(tools=[weather]), dict(add_generation_prompt=False), dict(enable_thinking=False, date_string="1 Jan 2026")]

cases = []
for template, source in templates.items():
    for name, messages in conversations.items():
        for more in variables:
            given = dict(add_generation_prompt=True, **more) if "add_generation_prompt" not in more else dict(more)
            tools = given.pop("tools", None)
            case = dict(template=template, conversation=name, tools=tools is not None, variables=given)
            try:
                rendered, _ = render_jinja_template(
                    conversations=[messages], tools=tools, chat_template=source, bos_token="<s>", eos_token="</s>", **given
                )
                case["text"] = rendered[0]
            except Exception as e:  # a template that says no, or one that was not made for this
                case["error"] = type(e).__name__
            if case not in cases:
                cases.append(case)
out = dict(templates=templates, conversations=conversations, tools=[weather], cases=cases)
here = pathlib.Path(__file__).parent
(here / "chat-templates.json").write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
print(len(cases), "cases,", sum("error" in c for c in cases), "errors")
