# The game days' table, and the function that undoes what a dead game day left. Apply it in a region that no game day
# touches: it has to work while the region under test does not.

terraform {
  required_providers {
    aws     = { source = "hashicorp/aws", version = ">= 5.0" }
    archive = { source = "hashicorp/archive", version = ">= 2.4" }
  }
}

variable "environment" {
  description = "The Environment tag of what may be broken, as in the target file."
  type        = string
}

variable "notify" {
  description = "ARN of the SNS topic that is told when something could not be undone."
  type        = string
}

variable "policy" {
  description = "ARN of the policy made from docs/aws/policy.json: what a game day may do, its undo may do."
  type        = string
}

resource "aws_dynamodb_table" "gameday" {
  name         = "gameday"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "Environment"
  range_key    = "Item"

  attribute {
    name = "Environment"
    type = "S"
  }

  attribute {
    name = "Item"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

data "archive_file" "function" {
  type        = "zip"
  source_dir  = "${path.module}/build" # made by build.sh
  output_path = "${path.module}/build.zip"
}

resource "aws_iam_role" "function" {
  name = "gameday-dead-mans-switch"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "undo" {
  role       = aws_iam_role.function.name
  policy_arn = var.policy
}

resource "aws_iam_role_policy_attachment" "log" {
  role       = aws_iam_role.function.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy" "table" {
  role = aws_iam_role.function.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:DeleteItem"]
      Resource = aws_dynamodb_table.gameday.arn
    }]
  })
}

resource "aws_lambda_function" "switch" {
  function_name                  = "gameday-dead-mans-switch"
  role                           = aws_iam_role.function.arn
  runtime                        = "python3.12"
  handler                        = "harness.safety.dead_mans_switch.handler"
  filename                       = data.archive_file.function.output_path
  source_code_hash               = data.archive_file.function.output_base64sha256
  timeout                        = 300
  memory_size                    = 256
  reserved_concurrent_executions = 1 # two hands are never at work

  environment {
    variables = {
      GAMEDAY_TABLE       = aws_dynamodb_table.gameday.name
      GAMEDAY_ENVIRONMENT = var.environment
    }
  }
}

resource "aws_cloudwatch_event_rule" "minute" {
  name                = "gameday-dead-mans-switch"
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "switch" {
  rule = aws_cloudwatch_event_rule.minute.name
  arn  = aws_lambda_function.switch.arn
}

resource "aws_lambda_permission" "minute" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.switch.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.minute.arn
}

# Something is left that the function could not undo, or it did not run: a person is told.
resource "aws_cloudwatch_metric_alarm" "left" {
  alarm_name          = "gameday-dead-mans-switch"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.switch.function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "breaching" # no invocation in a minute is a switch that does not work
  alarm_actions       = [var.notify]
}
