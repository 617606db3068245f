# Freezes R's answers for subgroups (lm, anova): women rated on one scale and men on another, each natively and both together in
# standard deviations within arms at baseline. Run from this folder: Rscript subgroups.R

data <- transform(read.csv("data/moderators.csv"), arm = relevel(factor(arm), "usual"), sex = factor(sex))
men <- data$sex == "male"
data$value <- ifelse(men, 80 - 6 * data$pain, data$pain)
data$first <- ifelse(men, 80 - 6 * data$baseline, data$baseline)
rows <- list()
keep <- function(question, term, value) {
  rows[[length(rows) + 1]] <<- data.frame(question, term, value = signif(value, 10))
}
keep_arm <- function(question, fit, name = "armneedling") {
  keep(question, "estimate", coef(fit)[[name]])
  keep(question, "se", summary(fit)$coefficients[name, 2])
  keep(question, "low", confint(fit)[name, 1])
}
for (sex in c("female", "male")) keep_arm(sex, lm(value ~ arm + first + age, data[data$sex == sex, ]))

within_arms <- function(x, arm) sqrt(sum(tapply(x, arm, function(v) (length(v) - 1) * var(v))) / (length(x) - nlevels(arm)))
spread <- tapply(seq_len(nrow(data)), data$sex, function(i) within_arms(data$first[i], data$arm[i]))
sign <- ifelse(men, 1, -1)
data$z <- sign * data$value / spread[data$sex]
data$z0 <- sign * data$first / spread[data$sex] - ave(sign * data$first / spread[data$sex], data$sex)
pooled <- lm(z ~ arm + z0 + age + sex, data)
apart <- lm(z ~ arm * sex + z0 + age, data)
keep_arm("pooled", pooled)
for (level in c("female", "male")) {
  turned <- transform(data, sex = relevel(sex, level))
  keep_arm(paste(level, "in SD"), lm(z ~ arm * sex + z0 + age, turned))
}
both <- anova(pooled, apart)
keep("test", "F", both$F[2])
keep("test", "p", both[["Pr(>F)"]][2])
write.csv(do.call(rbind, rows), "subgroups.csv", row.names = FALSE, quote = FALSE)
