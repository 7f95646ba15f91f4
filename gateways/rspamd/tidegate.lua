-- Asks Tidegate about each message that rspamd scans. What was decided becomes a soft reject or reject with its text.
-- The settings are those of the section `tidegate` in rspamd's configuration; see tidegate.conf.

local rspamd_http = require "rspamd_http"
local rspamd_logger = require "rspamd_logger"
local rspamd_util = require "rspamd_util"
local ucl = require "ucl"

local N = 'TIDEGATE'
local MAX_HEADER = 128 * 1024
local MAX_ANSWER = 64 * 1024
local MAX_RECIPIENTS = 1000
local MAX_TEXT = 400
local settings = {
  timeout = 2.5,
  fail = 'accept',
  ask = 'exchange',
  own_hops = 0,
  skip_authenticated = true,
  skip_local = false,
  answer_by_header = false,
}

-- What only a field that Exchange wrote can do without: a superset of what Tidegate recognises.
local EXCHANGE = { 'microsoft', 'mapi', 'shadowredundancy', 'internet' }

local function may_be_by_exchange(value)
  local text = value:lower()
  for _, word in ipairs(EXCHANGE) do
    if text:find(word, 1, true) then return true end
  end
  return false
end

local function path(address)
  return '<' .. (address.addr or '') .. '>'
end

-- What is asked about a message; nil if nothing is.
local function question(task)
  if settings.skip_authenticated and task:get_user() then return nil end
  local ip = task:get_from_ip()
  local has_ip = ip and ip:is_valid()
  if settings.skip_local and has_ip and ip:is_local() then return nil end
  local header, length, by_exchange = {}, 0, settings.ask == 'all'
  for _, field in ipairs(task:get_header_full('Received') or {}) do
    local value = field.value or ''
    length = length + #value
    if length > MAX_HEADER then break end
    header[#header + 1] = { 'Received', value }
    by_exchange = by_exchange or may_be_by_exchange(value)
  end
  if not by_exchange then return nil end
  local from, to = task:get_from('smtp'), {}
  local recipients = task:get_recipients('smtp') or {}
  -- none instead of some: some alone, all postmaster, would be accepted always
  for _, recipient in ipairs(#recipients <= MAX_RECIPIENTS and recipients or {}) do
    to[#to + 1] = path(recipient)
  end
  -- an empty list would be written as an object
  local empty_header = #header == 0 and '' or nil
  return {
    tenant = settings.tenant,
    connector = settings.connector,
    event_id = task:get_queue_id(),
    own_hops = settings.own_hops,
    client = { ip = has_ip and ip:to_string() or nil, helo = task:get_helo() or '' },
    envelope = { from = from and from[1] and path(from[1]) or '', to = #to > 0 and to or nil },
    header = empty_header or header,
  }
end

local function fail(task, why)
  rspamd_logger.errx(task, '%s: %s: %s', N, why, settings.fail)
  if settings.fail == 'defer' then
    task:set_pre_result('soft reject', '4.3.0 Policy service unavailable, try again later', N)
  end
end

local CLASSES = { defer = 4, reject = 5 }
local ACTIONS = { defer = 'soft reject', reject = 'reject' }

local function apply(task, answer)
  local parser = ucl.parser()
  local decision = parser:parse_string(answer) and parser:get_object()
  if type(decision) ~= 'table' then return fail(task, 'the answer is no JSON object') end
  local action, reply = decision.action, decision.reply
  if action == 'accept' then
    -- what report mode would show
    if decision.would == 'defer' or decision.would == 'reject' then
      task:insert_result(N, 0.0, 'would=' .. decision.would)
    end
    return
  end
  local class = CLASSES[action]
  local said = type(reply) == 'table' and reply or {}
  local enhanced = type(said.enhanced) == 'string' and said.enhanced or ''
  local has_codes = class and type(said.code) == 'number' and math.floor(said.code / 100) == class
    and enhanced:match('^' .. class .. '%.%d%d?%d?%.%d%d?%d?$')
  if not has_codes or type(said.text) ~= 'string' then
    return fail(task, 'the answer is no decision')
  end
  local text = said.text:gsub('[^\32-\126]+', ' '):sub(1, MAX_TEXT)
  task:insert_result(N, 0.0, action)
  if settings.answer_by_header then
    task:set_milter_reply({
      add_headers = { ['X-Tidegate-Verdict'] = { value = table.concat({ action, enhanced, text }, ' '), order = 0 } },
    })
  else
    task:set_pre_result(ACTIONS[action], enhanced .. ' ' .. text, N)
  end
end

-- A kept connection that Tidegate has closed meanwhile is no failure: a new one is tried, once, within the same time.
local function ask(task, body, until_, is_retry)
  local function retry_or_fail(why)
    -- what takes long was no stale connection
    if not is_retry and rspamd_util.get_time() < until_ - settings.timeout / 2 then
      return ask(task, body, until_, true)
    end
    fail(task, why)
  end
  local sent = rspamd_http.request({
    task = task,
    url = settings.url,
    method = 'POST',
    mime_type = 'application/json',
    headers = { Authorization = 'Bearer ' .. settings.key },
    body = body,
    timeout = math.max(until_ - rspamd_util.get_time(), 0.1),
    max_size = MAX_ANSWER,
    keepalive = not is_retry,
    callback = function(err, code, answer)
      if err then return retry_or_fail(err) end
      if code ~= 200 then return fail(task, 'HTTP status ' .. tostring(code)) end
      apply(task, tostring(answer))
    end,
  })
  if not sent then retry_or_fail('no request was sent') end
end

local function configured()
  for name, value in pairs(rspamd_config:get_all_opt('tidegate') or {}) do settings[name] = value end
  if settings.key_file then
    local file = io.open(settings.key_file)
    settings.key = file and file:read('*l')
    if file then file:close() end
  end
  if type(settings.url) ~= 'string' or type(settings.key) ~= 'string' or settings.key == '' then
    rspamd_logger.errx(rspamd_config, '%s: no url or no key: nothing is asked', N)
    return false
  end
  settings.url = settings.url:gsub('/$', '') .. '/v1/decide'
  return true
end

if configured() then
  rspamd_config:register_symbol({
    name = N,
    type = 'prefilter',
    priority = 9,
    score = 0.0,
    group = 'policy',
    description = 'Out-of-date Exchange servers, as Tidegate decides',
    flags = 'empty,nostat',
    callback = function(task)
      local asked = question(task)
      if not asked then return end
      ask(task, ucl.to_format(asked, 'json-compact'), rspamd_util.get_time() + settings.timeout, false)
    end,
  })
end
